/** The default limit, with as many clients as it takes. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { detailsOf } from '../helpers/call-status.js';
import { GatewayProcess } from '../helpers/gateway-process.js';
import { StreamClient } from '../helpers/stream-client.js';
import { STREAM_HANDLERS } from '../helpers/stream-handlers.js';
import { framedMessage, WireClient } from '../helpers/wire-client.js';

const MAX_CONNECTIONS = 5_000;
/** Connecting at once, so that none waits for its handshake. */
const AT_ONCE = 100;

/** Connects, says something in a session, and has it back. */
async function join(address: string): Promise<WireClient> {
  const client = new WireClient(address);
  const call = client.open();
  call.write(framedMessage({ sessionId: 's', data: Buffer.from('hello') }));
  // Welcome and the echo: the stream is a connection of the pool.
  await once(call, 'data');
  return client;
}

describe.each(STREAM_HANDLERS)('through the %s handler', (streamHandler) => {
  it(`connection ${MAX_CONNECTIONS + 1} is refused, until one of the others leaves`, async () => {
    await using gateway = await GatewayProcess.ready([
      ...['--server.streamHandler', streamHandler, '--health.interval', '0', '--server.drainQuiet', '50ms'],
      // They are silent in what follows, on a machine that is busy with all of them.
      ...[
        '--server.keepaliveInterval',
        '60s',
        '--server.keepaliveTimeout',
        '30s',
        '--server.handshakeTimeout',
        '30s',
      ],
      ...[
        '--stream.heartbeatInterval',
        '60s',
        '--stream.receiveTimeout',
        '2m',
        '--session.resumeWindow',
        '3m',
      ],
    ]);
    const clients: WireClient[] = [];
    try {
      while (clients.length < MAX_CONNECTIONS) {
        clients.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => join(gateway.address)))));
      }
      using refused = new StreamClient(gateway.address);
      const details = detailsOf(await refused.status);
      expect(details).toMatchObject({
        code: 8,
        reason: 'CONNECTION_LIMIT',
        domain: 'sluice',
        retryAfterMs: 5_000,
      });
      expect(details.message).toContain(`pool.maxConnections = ${MAX_CONNECTIONS}`);

      clients.pop()?.session.destroy();
      const connections = async (): Promise<number> => {
        const totals = (await (await fetch(`http://${gateway.admin}/totals`)).json()) as {
          readonly connections: { readonly active: number };
        };
        return totals.connections.active;
      };
      await expect.poll(connections).toBe(MAX_CONNECTIONS - 1);
      clients.push(await join(gateway.address));
      expect(await connections()).toBe(MAX_CONNECTIONS);
      // Nothing of so many stands in the way of leaving.
      gateway.signal('SIGTERM');
      expect(await gateway.exit).toEqual({ code: 0, signal: null });
    } finally {
      for (const client of clients) client.session.destroy();
    }
  });
});
