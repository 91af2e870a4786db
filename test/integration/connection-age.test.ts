import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { startGateway } from '../helpers/gateway.js';
import { told } from '../helpers/proxy-gateway.js';
import { SHAPES, ShapesClient, startShapes } from '../helpers/shapes-backend.js';
import { StreamClient } from '../helpers/stream-client.js';

describe.each(['direct', 'grpc-js'] as const)(
  'server.maxConnectionAge with the %s handler',
  (streamHandler) => {
    it('tells the streams of an old connection to leave, then ends them', async () => {
      await using server = await startGateway({
        'server.streamHandler': streamHandler,
        'server.maxConnectionAge': '300ms',
        'server.ageJitter': 0,
      });
      using client = new StreamClient(server.address);
      client.sendData('s', 'hello');
      await client.untilData(1);
      const status = await client.status;

      expect(client.controls('drain').map((m) => m.control?.['drain'])).toMatchObject([
        { reason: 'connection: age' },
      ]);
      expect(status.code).toBe(14);
      const [details] = status.metadata.get('grpc-status-details-bin');
      expect(decodeStatusDetails(details as Buffer)).toMatchObject({
        reason: 'STREAM_LIMIT',
        retryAfterMs: 0,
      });
      expect(status.details).toContain('server.maxConnectionAge');
    });

    it('a client that will not leave is cut off after the grace', async () => {
      await using server = await startGateway({
        'server.streamHandler': streamHandler,
        'server.maxConnectionAge': '300ms',
        'server.ageJitter': 0,
        'server.ageGrace': '200ms',
        defaultRoute: 'conformance',
      });
      using client = new StreamClient(server.address);
      client.send({ sessionId: 's', metadata: { never: '' } });
      const status = await client.status;
      expect(status.code).toBe(14);
      expect(server.gateway.metrics.up.droppedBy['connection-closed']).toBe(1);
    });
  },
);

describe('server.maxConnectionAge and the calls of a proxy', () => {
  it('go on for the grace, then end STREAM_LIMIT with advice to call again, for their backend too', async () => {
    const clock = new FakeClock({ immediates: 'run' });
    await using backend = await startShapes();
    const proxies = { shapes: { addresses: [backend.address], services: [SHAPES] } };
    const settings = {
      proxies: JSON.stringify(proxies),
      'server.maxConnectionAge': '1s',
      'server.ageJitter': 0,
      'server.ageGrace': '500ms',
    };
    await using under = await startGateway(settings, {}, clock);
    await using client = new ShapesClient(under.address);
    const both = client.both();
    both.call.write({ text: 'young' });
    await expect.poll(() => both.answers).toEqual(['young']);
    const half = client.one('hang');
    await expect.poll(() => backend.metadata.length).toBe(2);

    clock.advance(1_000);
    both.call.write({ text: 'old' });
    await expect.poll(() => both.answers).toEqual(['young', 'old']);
    // The connection is told to go (GOAWAY): what is new goes over another.
    expect((await client.one('new')).texts).toEqual(['new']);

    clock.advance(500);
    await expect.poll(() => under.gateway.proxies[0]?.calls).toBe(0);
    const ended = {
      code: 14,
      reason: 'STREAM_LIMIT',
      details: expect.stringContaining('server.maxConnectionAge') as string,
      retryAfterMs: 0,
    };
    expect(told({ status: await both.status })).toEqual(ended);
    expect(told(await half)).toEqual(ended);
    await expect.poll(() => backend.open.size).toBe(0);
    const counted = under.gateway.proxies[0]?.methods.map(({ method, ended }) => [
      method,
      Object.fromEntries(ended),
    ]);
    expect(counted).toEqual([
      [`${SHAPES}/Both`, { UNAVAILABLE: 1 }],
      [`${SHAPES}/One`, { UNAVAILABLE: 1, OK: 1 }],
    ]);
    const said = under.log.filter(({ message }) => message === 'a proxied call ended');
    expect(said.map(({ fields }) => fields)).toContainEqual(
      expect.objectContaining({ by: 'gateway', code: 'STREAM_LIMIT' }),
    );
  });
});
