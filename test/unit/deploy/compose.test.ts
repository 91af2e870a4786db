import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
}

const FOLDER = 'deploy';
const text = readFileSync(join(FOLDER, 'compose.yaml'), 'utf8');
const { services, volumes } = parse(text, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};
const dockerfile = readFileSync(join(FOLDER, 'Dockerfile'), 'utf8');
const stages = [...dockerfile.matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(([, from = '', name = '']) => ({
  from,
  name,
}));
/** What `COPY` takes from the repository, not from another stage. */
const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) =>
  files.split(' '),
);

describe('deploy/compose.yaml', () => {
  it('takes every ${NAME} from the settings, and they are all for something', () => {
    const settings = Object.keys(parseEnv(readFileSync(join(FOLDER, '.env.example'), 'utf8')));
    const uses = (from: string): string[] => [...from.matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name);
    const used = uses(text.replace(/^\s*#.*$/gm, ''));
    expect(used.filter((name) => !settings.includes(name))).toEqual([]);
    const filled = ['prometheus/prometheus.yml', 'grafana/datasource.yml'];
    const everywhere = [...used, ...filled.flatMap((file) => uses(readFileSync(join(FOLDER, file), 'utf8')))];
    expect(settings.filter((name) => !everywhere.includes(name))).toEqual([]);
  });

  it('mounts what is there, read-only, or is its own', () => {
    for (const [name, service] of Object.entries(services)) {
      for (const volume of service.volumes ?? []) {
        const [source = '', , mode] = volume.split(':');
        if (!source.startsWith('.')) {
          expect(volumes, name).toHaveProperty(source);
          continue;
        }
        expect(mode, volume).toBe('ro');
        // Made by `npm run obs`; test/unit/deploy/settings.test.ts looks at them.
        if (!source.startsWith('./.filled/')) expect(existsSync(join(FOLDER, source)), volume).toBe(true);
      }
    }
  });

  it('pins each image, builds from stages that there are, and opens ports on loopback alone', () => {
    for (const [name, { image, build, ports = [], depends_on: waitsFor = {} }] of Object.entries(services)) {
      if (build === undefined) expect(image, name).toMatch(/:v?\d+\.\d+\.\d+$/);
      else
        expect(
          stages.map((stage) => stage.name),
          name,
        ).toContain(build.target);
      for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:\$\{\w+\}:\d+$/);
      const others = Array.isArray(waitsFor) ? (waitsFor as string[]) : Object.keys(waitsFor);
      for (const other of others) expect(services, name).toHaveProperty(other);
    }
  });
});

describe('deploy/Dockerfile', () => {
  it('begins with a pinned image, and ends with the gateway', () => {
    expect(dockerfile).toMatch(/^ARG NODE=node:\d+\.\d+\.\d+-\w+-slim$/m);
    const known = ['${NODE}', ...stages.map(({ name }) => name)];
    for (const { from } of stages) expect(known).toContain(from);
    expect(stages.at(-1)?.name).toBe('gateway');
  });

  it('copies what is there, and only that is sent to the builder', () => {
    const sent = readFileSync(join(FOLDER, 'Dockerfile.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const file of copied) expect(existsSync(file), file).toBe(true);
    expect([...new Set(copied)].sort()).toEqual([...sent].sort());
  });

  it('runs as nobody in particular', () => {
    const last = (stage: string): string => dockerfile.split(`AS ${stage}\n`)[1]?.split('FROM ')[0] ?? '';
    for (const stage of ['stock', 'gateway']) expect(last(stage), stage).toMatch(/^USER node$/m);
    expect(last('gateway')).toMatch(/^HEALTHCHECK .*"status"\]$/m);
  });
});
