import { describe, expect, it } from 'vitest';
import { PresenceFeed } from '../../../src/routes/presence-feed.js';

function world() {
  const sent: string[] = [];
  const port = {
    isBusy: false,
    sendOwn: ({ metadata }: { metadata?: ReadonlyMap<string, string> | undefined }) => {
      sent.push(`${metadata?.get('x-presence') ?? ''} ${metadata?.get('x-client-id') ?? ''}`);
    },
    sendList: () => {
      sent.push('list');
    },
  };
  return { sent, port, feed: new PresenceFeed(port) };
}

describe('joins and leaves for one session', () => {
  it('go out at once where nothing waits', () => {
    const { sent, feed } = world();
    feed.joined('a');
    feed.left('a');
    feed.joined('a');
    expect(sent).toEqual(['join a', 'leave a', 'join a']);
  });

  it('wait where a send waits, and come to one of each client, or none', () => {
    const { sent, port, feed } = world();
    port.isBusy = true;
    feed.joined('a');
    feed.joined('b');
    feed.left('b');
    feed.left('c');
    expect(sent).toEqual([]);
    port.isBusy = false;
    feed.flush();
    expect(sent).toEqual(['join a', 'leave c']);
    feed.flush();
    expect(sent).toHaveLength(2);
  });

  it('become the list again where there are too many', () => {
    const { sent, port, feed } = world();
    port.isBusy = true;
    for (let n = 0; n < 300; n += 1) feed.joined(`client ${n}`);
    port.isBusy = false;
    feed.flush();
    expect(sent).toEqual(['list']);
    feed.left('client 1');
    expect(sent).toEqual(['list', 'leave client 1']);
  });

  it('stop where a send has to wait', () => {
    const { sent, port, feed } = world();
    port.isBusy = true;
    feed.joined('a');
    feed.joined('b');
    port.isBusy = false;
    const { sendOwn } = port;
    port.sendOwn = (fields) => {
      sendOwn(fields);
      port.isBusy = true;
    };
    feed.flush();
    expect(sent).toEqual(['join a']);
    port.isBusy = false;
    feed.flush();
    expect(sent).toEqual(['join a', 'join b']);
  });
});
