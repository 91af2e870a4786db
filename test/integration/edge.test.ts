import { describe, expect, it } from 'vitest';
import { Following, startEdge } from '../helpers/edge-world.js';

interface Said {
  readonly sequence: string;
  readonly subscribers: number;
  readonly duplicate: boolean;
}

async function publish(
  edge: string,
  topic: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers = {},
): Promise<Said> {
  const response = await fetch(`${edge}/v1/topics/${topic}`, { method: 'POST', body, headers });
  expect(response.status).toBe(200);
  return (await response.json()) as Said;
}

describe('publish and follow', () => {
  it('what is published is an event of those who follow, and nothing is missed between two of them', async () => {
    await using under = await startEdge();
    const { edge } = under;
    let lastEventId: string;
    {
      await using first = await Following.at(`${edge}/v1/topics/news/sport/tennis`);
      expect(first.response.headers.get('content-type')).toBe('text/event-stream');
      expect(first.response.headers.get('cache-control')).toBe('no-store');
      expect(first.response.headers.get('x-accel-buffering')).toBe('no');
      const said = await publish(edge, 'news/sport/tennis', 'one\ntwo');
      expect(said).toEqual({ sequence: expect.any(String) as string, subscribers: 1, duplicate: false });
      expect(await first.next()).toEqual({
        event: 'message',
        data: 'one\ntwo',
        lastEventId: said.sequence,
      });
      ({ lastEventId } = first.parser);
    }
    await publish(edge, 'news%2Fsport/tennis', 'three', {
      'content-type': 'text/plain',
      'x-meta-who': Buffer.from('Zoë').toString('latin1'),
    });
    await using second = await Following.at(`${edge}/v1/topics/news/sport%2ftennis?encoding=json`, {
      'last-event-id': lastEventId,
    });
    const { data } = await second.next();
    expect(JSON.parse(data)).toMatchObject({
      data: 'three',
      metadata: { 'content-type': 'text/plain', who: 'Zoë' },
    });
  });
});
