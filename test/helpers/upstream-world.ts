/** An upstream of scripted backends, on a clock moved by hand. */
import { loadConfig } from '../../src/config/load.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { UpstreamPool } from '../../src/upstream/upstream-pool.js';
import type { UpstreamSettings } from '../../src/upstream/upstream-options.js';
import { RecordingLogger } from './recording-logger.js';
import { ScriptedBackend } from './scripted-backend.js';

const argv = ['--upstreams', JSON.stringify({ it: { addresses: ['a:1'] } })];
const { config } = loadConfig({ argv });
const DEFAULTS: UpstreamSettings = config.upstreams['it'] as UpstreamSettings;

export function upstreamWorld(addresses: readonly string[], own: Partial<UpstreamSettings> = {}) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const backends = new Map<string, ScriptedBackend>();
  /** What chance brings. */
  const chance = { value: 0.5 };
  const pool = new UpstreamPool({
    name: 'it',
    settings: { ...DEFAULTS, addresses, ...own },
    dial: (address) => {
      const backend = new ScriptedBackend(clock, address);
      backends.set(address, backend);
      return backend;
    },
    clock,
    random: () => chance.value,
    logger,
  });
  const backend = (address: string): ScriptedBackend => backends.get(address) as ScriptedBackend;
  return { clock, pool, backend, logger, chance };
}
