/** The commands that talk, while gateway and network leave and come back. */
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Route } from '../../src/session/route.js';
import { TestIo } from '../helpers/command-io.js';
import { FaultProxy } from '../helpers/fault-proxy.js';
import { startGateway } from '../helpers/gateway.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-restart-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Says its name once, to everybody who comes. */
function named(name: string): Route {
  return {
    kind: 'named',
    open(session) {
      void session.send({ data: Buffer.from(name) });
      return { handle: () => undefined };
    },
  };
}

/** Takes nothing at all: what it is sent stays without an ack. */
const stuck: Route = { kind: 'stuck', open: () => ({ handle: () => new Promise(() => undefined) }) };

function lines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('tail follows a gateway that starts anew, and says that it has', async () => {
  const first = await startGateway({}, { named: named('first') });
  const command = new TestIo({ env: { SLUICE_ADDRESS: first.address } });
  const ended = command.run(['tail', 'named', '-n', '2', '-o', 'json']);
  await command.stdout.until((text) => text.includes('first'));
  await first[Symbol.asyncDispose]();
  await using _second = await startGateway({ 'server.listen': first.address }, { named: named('second') });
  expect(await ended).toBe(0);
  expect(lines(command.stdout.text)).toMatchObject([
    { data: 'first' },
    { event: 'reset', code: expect.stringMatching(/RESET|DRAINING/) as string },
    { data: 'second' },
  ]);
  expect(command.stderr.text).toContain('connected again to ');
  expect(command.stderr.text).toMatch(/-- 2 messages \(11 B\), 1 reset, 1 reconnect, in /);
});

test('send says what it does not know when the gateway lost the session; with --resend it sends that again', async () => {
  const first = await startGateway({ 'server.drainGrace': '10ms' }, { stuck });
  const given = ['send', 'stuck', '--data', 'once', '--address', first.address];
  const plain = new TestIo();
  const again = new TestIo();
  const ended = [plain.run(given), again.run([...given, '--resend'])];
  await expect.poll(() => first.gateway.metrics.up.admitted, { timeout: 20_000 }).toBe(2);
  await first[Symbol.asyncDispose]();
  const echo: Route = {
    kind: 'echo',
    open: (session) => ({ handle: ({ data }) => session.send({ data }) }),
  };
  await using _second = await startGateway({ 'server.listen': first.address }, { stuck: echo });
  expect(await Promise.all(ended)).toEqual([expect.toBeOneOf([1, 69]), 0]);
  expect(plain.stderr.text).toMatch(/-- sent 1 message \(4 B\), 0 acknowledged, 1 not, 0 answers/);
  expect(plain.stderr.text).toMatch(/sluice send: .*\[(RESET|DRAINING)\]\n$/);
  expect(again.stderr.text).toContain('sending 1 message again');
  expect(again.stdout.text).toBe('once\n');
});

test('send over a network that is cut again and again: every line once, in order', async () => {
  await using gateway = await startGateway();
  await using proxy = await FaultProxy.start(gateway.address);
  const text = Array.from({ length: 20_000 }, (_, n) => `line ${n} ${'x'.repeat(n % 50)}\n`).join('');
  const path = join(folder, 'lines');
  writeFileSync(path, text);
  const command = new TestIo();
  const ended = command.run(['send', 'echo', '-f', path, '-a', proxy.address]);
  for (let part = 1; part <= 6; part += 1) {
    await command.stdout.until((said) => said.length > (text.length * part) / 10);
    proxy.cutAll(part % 2 === 0 ? 'fin' : 'reset');
  }
  expect(await ended).toBe(0);
  expect(command.stdout.text === text).toBe(true);
  expect(proxy.cuts).toBeGreaterThan(2);
  expect(command.stderr.text).toContain('20,000 acknowledged, 20,000 answers');
});

test('ping counts what was lost, and goes on', async () => {
  await using gateway = await startGateway();
  await using proxy = await FaultProxy.start(gateway.address);
  const command = new TestIo({ env: { SLUICE_ADDRESS: proxy.address } });
  const ended = command.run(['ping', '-i', '20ms', '--timeout', '300ms']);
  await command.stdout.until((text) => text.includes('  2  '));
  proxy.freeze();
  await command.stdout.until((text) => text.includes('lost  no answer within 300 ms'));
  proxy.thaw();
  const before = command.stdout.text.length;
  await command.stdout.until((text) => text.slice(before).includes(' ms\n'));
  command.interrupt();
  expect(await ended).toBe(1);
  expect(command.stdout.text).toMatch(/-- \d+ pings in .*, \d+ answered, [1-9]\d* lost/);
});
