/** The settings of deploy/compose.yaml, and the files that are filled from them: nothing is written down twice. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { fillTemplate } from './fill-template.js';

export type Settings = Readonly<Record<string, string>>;

/** deploy/.env.example names them all; deploy/.env goes before it, and `environment` before both. */
export function readSettings(folder: string, environment: NodeJS.ProcessEnv): Settings {
  const settings = new Map<string, string>();
  const defaults = parseFile(join(folder, '.env.example'));
  const own = parseFile(join(folder, '.env'));
  for (const [name, value] of Object.entries(defaults)) {
    settings.set(name, environment[name] ?? own[name] ?? value);
  }
  const unknown = Object.keys(own).filter((name) => !settings.has(name));
  if (unknown.length > 0) {
    throw new Error(
      `deploy/.env: there is no setting ${unknown.join(', ')}; deploy/.env.example names them all`,
    );
  }
  const empty = [...settings].filter(([, value]) => value === '').map(([name]) => name);
  if (empty.length > 0) {
    throw new Error(
      `${empty.join(' and ')} not set: copy deploy/.env.example to deploy/.env and fill in what is empty`,
    );
  }
  return Object.fromEntries(settings);
}

/** Writes what containers read and cannot fill themselves, to the folder's `.filled`. */
export function fillFiles(folder: string, settings: Settings): void {
  const { ADMIN_PORT = '', METRICS_PORT = '' } = settings;
  const stock = ['stock-server', 'fast-client', 'slow-client'];
  const values = {
    ...settings,
    RULES_FILE: '/etc/prometheus/rules.yml',
    GATEWAY_TARGETS: JSON.stringify([`gateway:${ADMIN_PORT}`]),
    STOCK_TARGETS: JSON.stringify(stock.map((host) => `${host}:${METRICS_PORT}`)),
  };
  mkdirSync(join(folder, '.filled'), { recursive: true });
  for (const [template, file] of [
    ['prometheus/prometheus.yml', 'prometheus.yml'],
    ['grafana/datasource.yml', 'datasource.yml'],
  ] as const) {
    const text = readFileSync(join(folder, template), 'utf8');
    writeFileSync(join(folder, '.filled', file), fillTemplate(text, values));
  }
}

function parseFile(file: string): Readonly<Record<string, string>> {
  return existsSync(file) ? (parseEnv(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}
