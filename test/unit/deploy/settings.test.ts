import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fillTemplate } from '../../../deploy/fill-template.js';
import { fillFiles, readSettings } from '../../../deploy/settings.js';

const SECRETS = 'GRAFANA_ADMIN_PASSWORD=secret\nRENDERER_TOKEN=token\n';
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'deploy-'));
  cpSync('deploy', folder, { recursive: true, filter: (path) => !/\/(\.env|\.filled)$/.test(path) });
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const withEnv = (text: string): void => {
  writeFileSync(join(folder, '.env'), text);
};

describe('readSettings', () => {
  it('takes a variable before deploy/.env, and that before deploy/.env.example', () => {
    withEnv(`${SECRETS}GRAFANA_PORT=3001\nPROMETHEUS_PORT=9091\n`);
    expect(readSettings(folder, { PROMETHEUS_PORT: '9092', HOME: '/' })).toMatchObject({
      GRAFANA_ADMIN_PASSWORD: 'secret',
      GATEWAY_PORT: '50051',
      GRAFANA_PORT: '3001',
      PROMETHEUS_PORT: '9092',
    });
    expect(readSettings(folder, { HOME: '/' })).not.toHaveProperty('HOME');
  });

  it('says what is missing, and what to do', () => {
    expect(() => readSettings(folder, {})).toThrow(
      'GRAFANA_ADMIN_PASSWORD and RENDERER_TOKEN not set: copy deploy/.env.example to deploy/.env',
    );
    withEnv('GRAFANA_ADMIN_PASSWORD=secret\n');
    expect(() => readSettings(folder, {})).toThrow(/^RENDERER_TOKEN not set/);
  });

  it('refuses a name that it does not know', () => {
    withEnv(`${SECRETS}GRAFANA_PROT=3001\n`);
    expect(() => readSettings(folder, {})).toThrow('deploy/.env: there is no setting GRAFANA_PROT');
  });
});

describe('fillFiles', () => {
  it('writes what Prometheus and Grafana read, from the settings, and no secret', () => {
    withEnv(`${SECRETS}SCRAPE_INTERVAL=7s\nADMIN_PORT=9999\nMETRICS_PORT=8888\n`);
    fillFiles(folder, readSettings(folder, {}));
    const read = (name: string): string => readFileSync(join(folder, '.filled', name), 'utf8');
    expect(parse(read('prometheus.yml'))).toEqual({
      global: { scrape_interval: '7s', scrape_timeout: '7s', evaluation_interval: '7s' },
      rule_files: ['/etc/prometheus/rules.yml'],
      scrape_configs: [
        { job_name: 'sluice', static_configs: [{ targets: ['gateway:9999'] }] },
        {
          job_name: 'stock',
          static_configs: [{ targets: ['stock-server:8888', 'fast-client:8888', 'slow-client:8888'] }],
        },
      ],
    });
    expect(parse(read('datasource.yml'))).toMatchObject({
      datasources: [{ uid: 'prometheus', jsonData: { timeInterval: '7s' } }],
    });
    for (const name of ['prometheus.yml', 'datasource.yml']) {
      expect(read(name)).not.toMatch(/\$\{\w/);
      expect(read(name)).not.toMatch(/secret|token/);
    }
  });
});

it('fillTemplate names what has no value', () => {
  expect(fillTemplate('a ${B} $C ${D}', { B: '1', D: '$2' })).toBe('a 1 $C $2');
  expect(() => fillTemplate('${B}', {})).toThrow('there is no value for B');
  expect(() => fillTemplate('${B}', { B: '' })).toThrow('there is no value for B');
});
