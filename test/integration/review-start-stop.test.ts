import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { SystemClock } from '../../src/core/clock.js';
import { Gateway } from '../../src/gateway.js';

const logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

function newGateway() {
  const clock = new SystemClock();
  const { config } = loadConfig({ argv: ['--config', 'config/test.yaml'] });
  return { clock, gateway: new Gateway({ config, clock, logger }) };
}

async function isListening(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

describe('a gateway that is told to go while it starts', () => {
  it('stop: it starts, then stops; nothing is left', async () => {
    const { gateway, clock } = newGateway();
    const started = gateway.start();
    await gateway.stop();
    await started;
    expect(gateway.readiness.ready).toBe(false);
    expect(await isListening(`http://${gateway.adminAddress ?? ''}/healthz`)).toBe(false);
    expect({ timers: clock.activeTimers, sockets: gateway.sockets }).toEqual({ timers: 0, sockets: 0 });
  });

  it.each([0, 3, 10])('destroy, %i turns in: start rejects or is undone; nothing is left', async (turns) => {
    const { gateway, clock } = newGateway();
    const started = gateway.start().catch(() => 'rejected');
    for (let n = 0; n < turns; n += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
    await gateway.destroy();
    await started;
    expect(gateway.readiness.ready).toBe(false);
    if (gateway.adminAddress !== undefined)
      expect(await isListening(`http://${gateway.adminAddress}/healthz`)).toBe(false);
    expect({ timers: clock.activeTimers, sockets: gateway.sockets }).toEqual({ timers: 0, sockets: 0 });
  });

  it('does not start once it was told to go', async () => {
    const { gateway, clock } = newGateway();
    await gateway.stop();
    await expect(gateway.start()).rejects.toThrow('stopped');
    expect({ timers: clock.activeTimers, sockets: gateway.sockets }).toEqual({ timers: 0, sockets: 0 });
  });
});
