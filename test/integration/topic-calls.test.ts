/** Publish, Subscribe and Ingest of a real gateway, by both stream handlers, over real sockets. */
import { describe, expect, it } from 'vitest';
import { Ingest } from '../../src/client/topic/ingest.js';
import { publish } from '../../src/client/topic/publish.js';
import { Subscription } from '../../src/client/topic/subscription.js';
import { callHost } from '../helpers/call-host.js';
import { startGateway } from '../helpers/gateway.js';
import { testTopics } from '../helpers/test-topics.js';

describe.each(['direct', 'grpc-js'])('%s', (handler) => {
  const settings = { 'server.streamHandler': handler };

  it('publishes to who subscribes', async () => {
    await using gateway = await startGateway(settings, { news: testTopics() });
    using host = callHost(gateway.address);
    await using subscription = new Subscription(host, 'news/world', { history: 5 });
    const first = await publish(host, 'news/world', 'one');
    expect(first.duplicate).toBe(false);
    expect((await subscription.receive())?.text).toBe('one');
    expect(await publish(host, 'news/world', 'two')).toMatchObject({ sequence: first.sequence + 1, subscribers: 1 });
    const two = await subscription.receive();
    expect(two).toMatchObject({ text: 'two', sequence: first.sequence + 1 });
    await subscription.close();
  });

  it('sums an upload up', async () => {
    const seen: string[] = [];
    let sum = 0;
    await using gateway = await startGateway(settings, {
      sum: {
        kind: 'test',
        open: (session) => ({
          handle: (message) => {
            const text = Buffer.from(message.data).toString();
            seen.push(text);
            if (Number.isNaN(Number(text))) throw new Error('no number');
            sum += Number(text);
            void session.send({ data: message.data });
          },
          aggregates: () => new Map([['sum', sum]]),
        }),
      },
    });
    using host = callHost(gateway.address);
    await using ingest = new Ingest(host, 'sum', {});
    for (const text of ['1', '20', 'x', '300']) await ingest.send(text);
    expect(await ingest.finish()).toEqual({ messages: 3, bytes: 6, rejected: 1, aggregates: new Map([['sum', 321]]) });
    expect(seen).toEqual(['1', '20', 'x', '300']);
  });
});
