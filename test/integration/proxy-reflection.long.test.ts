import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bufCurl } from '../helpers/external-clients.js';
import { ProxyGateways } from '../helpers/proxy-gateway.js';
import { runProcess } from '../helpers/run-process.js';
import { SHAPES, SHAPES_PROTO } from '../helpers/shapes-backend.js';

const buf = resolve(import.meta.dirname, '../../node_modules/.bin/buf');

let gateways = new ProxyGateways();
beforeEach(() => {
  gateways = new ProxyGateways();
});
afterEach(async () => {
  await gateways[Symbol.asyncDispose]();
});

// A tool in Go, which is strict: it refuses a file for one reference that does not hold.
describe('buf curl calls services behind the gateway by the gateway’s own reflection', () => {
  test('as .proto files describe them', async () => {
    const { under } = await gateways.world({ proto: SHAPES_PROTO });
    const note = { text: 'a', weights: { b: { value: 1.5 } }, at: '2026-01-02T03:04:05Z', count: 7 };
    const one = await bufCurl({
      address: under.address,
      method: `${SHAPES}/One`,
      lines: [note],
      schema: 'reflection',
    });
    expect(one).toMatchObject({ messages: [note] });
    const both = await bufCurl({
      address: under.address,
      method: `${SHAPES}/Both`,
      lines: [{ text: 'x' }, { text: 'y' }],
      schema: 'reflection',
    });
    expect(both).toMatchObject({ messages: [{ text: 'x' }, { text: 'y' }] });
  });

  test('and lists them beside its own', async () => {
    const { under } = await gateways.world({ proto: SHAPES_PROTO });
    const args = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '--reflect', '--list-services'];
    const { exitCode, stdout } = await runProcess(buf, [...args, `http://${under.address}`], {
      timeoutMs: 20_000,
    });
    expect(exitCode).toBe(0);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'grpc.health.v1.Health',
      SHAPES,
      'sluice.v1.StreamService',
    ]);
  });
});
