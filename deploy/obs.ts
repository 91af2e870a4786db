/** `npm run obs`, `obs:stop` and `obs:snapshot`: the containers of deploy/compose.yaml. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillFiles, readSettings, type Settings } from './settings.js';

const FOLDER = import.meta.dirname;
const COMPOSE = join(FOLDER, 'compose.yaml');
/** What runs containers, in the order in which they are tried. */
const ENGINES = ['docker', 'podman'];

/** The first that has the compose command and whose daemon answers. */
function engine(): string {
  const found = ENGINES.find((name) =>
    [['compose', 'version'], ['info']].every(
      (args) => spawnSync(name, args, { stdio: 'ignore' }).status === 0,
    ),
  );
  if (found === undefined) {
    throw new Error('no container engine answers here: it takes docker or podman, with its compose command');
  }
  return found;
}

function compose(name: string, settings: Settings, ...args: readonly string[]): boolean {
  const command = ['compose', '--file', COMPOSE, ...args];
  const { status } = spawnSync(name, command, { stdio: 'inherit', env: { ...process.env, ...settings } });
  if (status !== 0) process.exitCode = 1;
  return status === 0;
}

function up(): void {
  const name = engine();
  const settings = readSettings(FOLDER, process.env);
  fillFiles(FOLDER, settings);
  if (compose(name, settings, 'up', '--detach', '--build', '--wait')) {
    console.log(`Grafana: http://127.0.0.1:${settings['GRAFANA_PORT'] ?? ''}, user admin`);
  }
}

/** A picture of each dashboard, by Grafana's image renderer. */
async function snapshot({ GRAFANA_PORT = '', GRAFANA_ADMIN_PASSWORD = '' }: Settings): Promise<void> {
  const authorization = `Basic ${Buffer.from(`admin:${GRAFANA_ADMIN_PASSWORD}`).toString('base64')}`;
  for (const dashboard of ['stock', 'sluice']) {
    const url = `http://127.0.0.1:${GRAFANA_PORT}/render/d/${dashboard}?width=1600&height=-1&kiosk`;
    const response = await fetch(url, { headers: { authorization } });
    if (!response.ok) throw new Error(`Grafana answered ${response.status} to ${url}`);
    const file = `${dashboard}.png`;
    writeFileSync(file, Buffer.from(await response.arrayBuffer()));
    console.log(`written: ${file}`);
  }
}

try {
  switch (process.argv[2]) {
    case 'up':
      up();
      break;
    case 'stop':
      compose(engine(), readSettings(FOLDER, process.env), 'down');
      break;
    case 'snapshot':
      await snapshot(readSettings(FOLDER, process.env));
      break;
    default:
      throw new Error('up, stop or snapshot?');
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
