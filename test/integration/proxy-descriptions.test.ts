import { writeFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Client, credentials } from '@grpc/grpc-js';
import { describeBackend } from '../../src/proxy/backend-description.js';
import { SystemClock } from '../../src/core/clock.js';
import { StartError } from '../../src/core/start-error.js';
import { backendDial } from '../../src/transport/grpc/backend-channel.js';
import { ProxyGateways, told } from '../helpers/proxy-gateway.js';
import { SHAPES, SHAPES_PROTO, startShapes } from '../helpers/shapes-backend.js';
import { TemporaryFile } from '../helpers/temporary-file.js';

let gateways = new ProxyGateways();
beforeEach(() => {
  gateways = new ProxyGateways();
});
afterEach(async () => {
  await gateways[Symbol.asyncDispose]();
});

/** Why a gateway with these proxies does not start. */
async function refusal(proxies: object): Promise<string> {
  try {
    await gateways.gateway(proxies);
  } catch (error) {
    if (error instanceof StartError) return error.message;
    throw error;
  }
  return 'it starts';
}

describe('a gateway does not start', () => {
  test('with a .proto file that can not be parsed', async () => {
    using file = new TemporaryFile('syntax = "proto3";\nmessage M {');
    const it = { addresses: ['127.0.0.1:1'], proto: file.path };
    expect(await refusal({ it })).toBe(
      `proxies.it.proto: "${file.path}", line 2: the file ends within a declaration`,
    );
  });

  test('with a .proto file that declares no service', async () => {
    using file = new TemporaryFile('syntax = "proto3"; message M {}');
    expect(await refusal({ it: { addresses: ['127.0.0.1:1'], proto: file.path } })).toBe(
      'proxies.it.proto: the files declare no service.',
    );
  });

  test('where a service is not in the .proto file', async () => {
    const it = { addresses: ['127.0.0.1:1'], proto: SHAPES_PROTO, services: ['shapes.v1.Shape'] };
    expect(await refusal({ it })).toBe(
      `proxies.it.services names shapes.v1.Shape: proto declares ${SHAPES}.`,
    );
  });

  test('where two proxies have a service, by what their files say', async () => {
    const it = { addresses: ['127.0.0.1:1'], proto: SHAPES_PROTO };
    expect(await refusal({ one: it, two: it })).toBe(
      `proxies.two.proto: service ${SHAPES} is passed on by proxy one already; name under services which of them each passes on.`,
    );
    const two = { addresses: ['127.0.0.1:1'], services: [SHAPES] };
    expect(await refusal({ one: it, two })).toContain(`service ${SHAPES} is passed on by proxy two already`);
  });

  test('where a backend that is to describe itself has reflection off', async () => {
    const { address } = await gateways.backend();
    expect(await refusal({ it: { addresses: [address], reflection: true } })).toBe(
      `proxies.it.reflection: the backend at ${address}: it does not serve gRPC reflection; switch it on there, or name the .proto files of its services with proto, or the services alone with services.`,
    );
  });

  test('where it has no service of the name', async () => {
    const { address } = await gateways.backend({ reflection: true });
    const it = { addresses: [address], reflection: true, services: ['shapes.v1.Shape'] };
    expect(await refusal({ it })).toContain(
      `it has no service shapes.v1.Shape; of services it has ${SHAPES}`,
    );
  });
});

describe('a backend that is away when the gateway starts', () => {
  test('is asked when it is there; until then its named services are passed on unchecked', async () => {
    const gone = await startShapes({ reflection: true });
    await gone[Symbol.asyncDispose]();
    const proxies = { shapes: { addresses: [gone.address], services: [SHAPES], reflection: true } };
    const under = await gateways.gateway(proxies);
    expect(under.log.map(({ level, message }) => [level, message])).toContainEqual([
      'warn',
      expect.stringContaining('no backend can be asked for its services (reflection)'),
    ]);
    const client = gateways.client(under);
    expect(told(await client.one('a'))).toMatchObject({ reason: 'UPSTREAM_UNAVAILABLE' });
    await gateways.backend({ reflection: true, port: Number(gone.address.split(':')[1]) });
    await expect.poll(async () => told(await client.unknown(`/${SHAPES}/Dow`)).reason).toBe('UNKNOWN_METHOD');
    expect((await client.one('a')).texts).toEqual(['a']);
  });

  test('whose services are not named: whoever calls one is told that it is not known yet', async () => {
    const gone = await startShapes();
    await gone[Symbol.asyncDispose]();
    const under = await gateways.gateway({ shapes: { addresses: [gone.address], reflection: true } });
    expect(told(await gateways.client(under).one('a'))).toMatchObject({
      code: status.UNAVAILABLE,
      details: 'which services proxy shapes has is not known yet: its backend could not be asked',
    });
  });
});

describe('the gateway tells of what it passes on', () => {
  test.each([
    ['by .proto files', { proto: SHAPES_PROTO }, {}],
    ['as the backend does', { reflection: true }, { reflection: true }],
  ])('by its own reflection, %s', async (_, proxy, backend) => {
    const { under } = await gateways.world(proxy, { backend });
    const clock = new SystemClock();
    const connector = backendDial({
      clock,
      maxMessageBytes: 5_000_000,
      flowControlWindowBytes: 65_535,
      streamsPerConnection: 10,
      connectTimeoutMs: 5_000,
      userAgent: 'test',
    })(under.address);
    try {
      // Whoever asks it as the gateway asks backends finds the same.
      const found = await describeBackend(connector, [SHAPES], { clock, timeoutMs: 5_000 });
      expect(found.services).toEqual(new Map([[SHAPES, ['One', 'Up', 'Down', 'Both']]]));
      expect(found.files).toHaveLength(2);
    } finally {
      connector.close();
    }
    expect(clock.activeTimers).toBe(0);
  });

  test('by its health service: whether a backend is there', async () => {
    const { under, backend } = await gateways.world({ proto: SHAPES_PROTO });
    const health = new Client(under.address, credentials.createInsecure());
    try {
      await expect.poll(() => check(health, SHAPES)).toBe('SERVING');
      expect(await check(health, '')).toBe('SERVING');
      expect(await check(health, 'shapes.v1.Other')).toBe(
        `Unknown service; known are "", "sluice.v1.StreamService", "${SHAPES}".`,
      );
      await backend[Symbol.asyncDispose]();
      // It has no health service: that it is away is seen by who calls it.
      await gateways.client(under).one('a');
      await expect.poll(() => check(health, SHAPES)).toBe('NOT_SERVING');
      expect(await check(health, '')).toBe('SERVING');
    } finally {
      health.close();
    }
  });

  test('where reflection is off, by health neither: it answers only who knows the name', async () => {
    const settings = { 'server.reflection': false };
    const { under } = await gateways.world({ proto: SHAPES_PROTO }, { settings });
    const health = new Client(under.address, credentials.createInsecure());
    try {
      await expect.poll(() => check(health, SHAPES)).toBe('SERVING');
      expect(await check(health, 'shapes.v1.Other')).toBe(
        'Unknown service; known are "" and "sluice.v1.StreamService".',
      );
    } finally {
      health.close();
    }
  });

  test('a service that its files name no more is not known by health after a reload', async () => {
    const declaring = (...services: string[]): string =>
      [
        'syntax = "proto3"; message M {}',
        ...services.map((name) => `service ${name} { rpc Do (M) returns (M); }`),
      ].join('\n');
    using file = new TemporaryFile(declaring('One', 'Two'));
    const { address } = await gateways.backend();
    const under = await gateways.gateway({ it: { addresses: [address], proto: file.path } });
    const health = new Client(under.address, credentials.createInsecure());
    try {
      await expect.poll(() => check(health, 'Two')).toBe('SERVING');
      writeFileSync(file.path, declaring('One'));
      under.gateway.reload();
      expect(await check(health, 'Two')).toBe(
        'Unknown service; known are "", "sluice.v1.StreamService", "One".',
      );
      expect(await check(health, 'One')).toBe('SERVING');
    } finally {
      health.close();
    }
  });
});

/** What grpc.health.v1.Health/Check says of a service; its words where it fails. */
function check(client: Client, service: string): Promise<string> {
  const NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
  const name = Buffer.from(service);
  const request = service === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      request,
      (error, answer) => {
        resolve(error === null ? (NAMES[answer?.[1] ?? 0] ?? '') : error.details);
      },
    );
  });
}
