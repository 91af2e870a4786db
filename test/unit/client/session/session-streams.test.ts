import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Message } from '../../../../src/client/message.js';
import type { Session } from '../../../../src/client/session/session.js';
import type { SinkOptions } from '../../../../src/client/session/session-sink.js';
import { SluiceError } from '../../../../src/core/errors.js';
import type { Route } from '../../../../src/session/route.js';
import type { DataMessage } from '../../../../src/wire/messages.js';
import { memoryGateway, type MemoryGatewayOptions } from '../../../../src/testing/index.js';

/** Keeps what it is sent, and holds it up where it is told to. */
class SinkRoute implements Route {
  readonly kind = 'sink';
  readonly wantsWhole: boolean;
  readonly received: DataMessage[] = [];
  closed = 0;
  /** Messages wait here until it resolves. */
  gate: Promise<void> = Promise.resolve();
  failsOn: string | undefined;

  constructor(wantsWhole = false) {
    this.wantsWhole = wantsWhole;
  }

  get text(): string {
    return Buffer.concat(this.received.map(({ data }) => data)).toString();
  }

  open() {
    return {
      handle: async (message: DataMessage) => {
        await this.gate;
        if (Buffer.from(message.data).toString() === this.failsOn)
          throw new SluiceError('ROUTE_FAILED', 'not this');
        this.received.push(message);
      },
      closed: () => {
        this.closed += 1;
      },
    };
  }
}

/** Sends these to whoever opens it, and ends the session. */
function sourceRoute(texts: readonly string[], end = true): Route {
  return {
    kind: 'source',
    open: (session) => {
      void (async () => {
        for (const text of texts) await session.send({ data: Buffer.from(text), key: `key of ${text}` });
        if (end) session.end();
      })().catch(() => undefined);
      return { handle: () => undefined };
    },
  };
}

async function opened(route: Route, options: MemoryGatewayOptions = {}) {
  const gateway = memoryGateway({ routes: { route }, ...options });
  const client = gateway.connect();
  const session = await client.open();
  return { gateway, client, session, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() };
}

function gate(): { readonly closed: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { closed, open };
}

async function rounds(count = 20): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

const kinds = ['node', 'web'] as const;

describe.each(kinds)('a %s stream into a session', (kind) => {
  // pipeline takes web streams, too; its types do not say so of a union.
  const into = (session: Session, options: SinkOptions = {}): NodeJS.WritableStream =>
    (kind === 'node' ? session.writable(options) : session.webWritable(options)) as NodeJS.WritableStream;

  it('sends each chunk as a message, ends the session, and is done when all is acknowledged', async () => {
    const route = new SinkRoute();
    const { closed, open } = gate();
    route.gate = closed;
    await using world = await opened(route);
    let done = false;
    const sending = pipeline(
      Readable.from([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]),
      into(world.session),
    ).then(() => {
      done = true;
    });
    await rounds();
    expect(done).toBe(false);
    open();
    await sending;
    expect(route.received.map(({ data }) => Buffer.from(data).toString())).toEqual(['a', 'b', 'c']);
    expect(world.session.stats.unacknowledged).toBe(0);
    await expect(world.session.send('more')).rejects.toMatchObject({ code: 'CLOSED' });
    expect((await world.session.close()).error).toBeUndefined();
    expect(route.closed).toBe(1);
  });

  it('leaves the session open where it is asked to', async () => {
    const route = new SinkRoute();
    await using world = await opened(route);
    for (const text of ['one', 'two']) {
      await pipeline(Readable.from([Buffer.from(text)]), into(world.session, { end: false }));
    }
    await world.session.sendAndWait('three');
    expect(route.text).toBe('onetwothree');
  });

  it('is one payload where it is asked to be', async () => {
    const route = new SinkRoute(true);
    await using world = await opened(route);
    const options = { payload: true, end: false };
    await pipeline(Readable.from(['some ', 'pieces ', 'of ', 'text']), into(world.session, options));
    await pipeline(Readable.from([]), into(world.session, options));
    await pipeline(Readable.from(['alone']), into(world.session, options));
    expect(route.received.map(({ data }) => Buffer.from(data).toString())).toEqual([
      'some pieces of text',
      '',
      'alone',
    ]);
  });

  it('takes no more than the gateway has room for', async () => {
    const route = new SinkRoute();
    const { closed, open } = gate();
    route.gate = closed;
    await using world = await opened(route, { settings: { 'session.windowMessages': 64 } });
    let given = 0;
    const source = Readable.from(
      (function* () {
        for (; given < 1_000; given += 1) yield Buffer.from(`${given},`);
      })(),
      { highWaterMark: 1 },
    );
    const sending = pipeline(source, into(world.session));
    await rounds(50);
    const before = given;
    expect(world.session.stats.waiting).toBe(1);
    await rounds(50);
    expect(given).toBe(before);
    // A Writable of bytes holds 16 KiB before it says that it is full; a web stream one chunk.
    if (kind === 'web') expect(before).toBeLessThan(80);
    open();
    await sending;
    expect(route.text).toBe(Array.from({ length: 1_000 }, (_, n) => `${n},`).join(''));
  });

  it('goes on beside others that keep the buffer full', async () => {
    const route = new SinkRoute();
    const { closed, open } = gate();
    route.gate = closed;
    await using world = await opened(route, { settings: { 'session.windowMessages': 64 } });
    const { session } = world;
    let others = 0;
    let isDone = false;
    // As many as wait are followed by as many more.
    const other = async (): Promise<void> => {
      while (!isDone && others < 20_000) {
        others += 1;
        await session.send('.');
      }
    };
    const beside = Promise.all(Array.from({ length: 200 }, other));
    const source = Readable.from(['a', 'b', 'c'].map((text) => Buffer.from(text)));
    const sending = pipeline(source, into(session, { end: false }));
    await rounds();
    open();
    await sending;
    isDone = true;
    await beside;
    expect(route.text.replaceAll('.', '')).toBe('abc');
    expect(others).toBeLessThan(20_000);
  });

  it('fails where the route fails on a chunk', async () => {
    const route = new SinkRoute();
    route.failsOn = 'bad';
    await using world = await opened(route);
    const failure = { code: 'ROUTE_FAILED', message: 'not this' };
    const early = pipeline(
      Readable.from(['good', 'bad', 'good'].map((text) => Buffer.from(text))),
      into(world.session),
    );
    await expect(early).rejects.toMatchObject(failure);
  });

  it('fails as soon as the session has ended, for its reason', async () => {
    await using world = await opened(new SinkRoute());
    const failed = failureOf(world.session);
    await world.gateway.restart();
    await expect(failed).rejects.toMatchObject({ code: 'RESET' });
    const later = into(world.session);
    await expect(pipeline(Readable.from(['b']), later)).rejects.toMatchObject({ code: 'RESET' });
  });

  it('fails where the route ends the session', async () => {
    await using world = await opened(sourceRoute([]));
    const failed = failureOf(world.session);
    void world.session.receive();
    await expect(failed).rejects.toMatchObject({ code: 'CLOSED' });
  });

  /** Rejects with what a stream to which nothing is written fails with. */
  function failureOf(session: Session): Promise<unknown> {
    if (kind === 'web') return session.webWritable().getWriter().closed;
    return once(session.writable(), 'finish');
  }

  it('leaves the session as it is when its source fails', async () => {
    const route = new SinkRoute();
    await using world = await opened(route);
    const source = Readable.from(
      (function* () {
        yield Buffer.from('a');
        throw new Error('disk gone');
      })(),
    );
    await expect(pipeline(source, into(world.session))).rejects.toThrow('disk gone');
    await world.session.sendAndWait('b');
    expect(route.text).toBe('ab');
  });

  it('closes the session where half a payload was sent, for nothing would be understood behind it', async () => {
    const route = new SinkRoute(true);
    await using world = await opened(route);
    const source = Readable.from(
      (function* () {
        yield Buffer.from('a');
        yield Buffer.from('b');
        throw new Error('disk gone');
      })(),
    );
    await expect(pipeline(source, into(world.session, { payload: true }))).rejects.toThrow('disk gone');
    expect((await world.session.closed).error).toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(route.received).toEqual([]);
  });
});

describe('a stream for Node.js into a session', () => {
  it('takes text, and in object mode options with it', async () => {
    const route = new SinkRoute();
    await using world = await opened(route);
    const stream = world.session.writable({ objectMode: true });
    stream.write('text');
    stream.write({ data: 'more', key: 'k', metadata: { m: '1' } });
    stream.end(Buffer.from('last'));
    await once(stream, 'finish');
    expect(route.text).toBe('textmorelast');
    expect(route.received[1]).toMatchObject({ key: 'k', metadata: new Map([['m', '1']]) });
  });

  it('can be destroyed while it waits for room, and hears no more of the session', async () => {
    const route = new SinkRoute();
    const { closed, open } = gate();
    route.gate = closed;
    await using world = await opened(route, { settings: { 'session.windowMessages': 64 } });
    const stream = world.session.writable();
    for (let n = 0; n < 100; n += 1) stream.write('x');
    await rounds();
    stream.destroy();
    await once(stream, 'close');
    const failing = vi.fn();
    stream.on('error', failing);
    open();
    expect(await world.session.close()).toMatchObject({ error: undefined });
    expect(failing).not.toHaveBeenCalled();
  });
});

describe.each(kinds)('a %s stream out of a session', (kind) => {
  const out = (session: Session): AsyncIterable<Uint8Array> =>
    kind === 'web' ? session.webReadable() : session.readable();

  it('gives the bytes of all messages, empty ones too, until the session ends', async () => {
    await using world = await opened(sourceRoute(['a', '', 'b', '', '', 'c']));
    expect((await buffer(out(world.session))).toString()).toBe('abc');
    expect((await world.session.closed).error).toBeUndefined();
  });

  it('acknowledges a message when its reader comes for more', async () => {
    await using world = await opened(sourceRoute(['a', 'b', 'c'], false));
    const reader = out(world.session)[Symbol.asyncIterator]();
    const delivered = async (): Promise<number> => {
      await rounds();
      return world.gateway.account.down.delivered;
    };
    await reader.next();
    expect(await delivered()).toBe(0);
    await reader.next();
    expect(await delivered()).toBe(1);
    await reader.next();
    expect(await delivered()).toBe(2);
    await reader.return?.();
  });

  it('holds back a route that sends faster than it is read', async () => {
    let sent = 0;
    const route: Route = {
      kind: 'flood',
      open: (session) => {
        void (async () => {
          for (; sent < 5_000; sent += 1) await session.send({ data: Buffer.from('x') });
          session.end();
        })();
        return { handle: () => undefined };
      },
    };
    await using world = await opened(route);
    const reader = out(world.session)[Symbol.asyncIterator]();
    await reader.next();
    await rounds(100);
    const before = sent;
    expect(before).toBeLessThan(2_000);
    let read = 1;
    for (let next = await reader.next(); next.done !== true; next = await reader.next())
      read += next.value.byteLength;
    expect(read).toBe(5_000);
  });

  it('leaves the session open when it is cancelled, and waits no more', async () => {
    await using world = await opened({
      kind: 'echo',
      open: (session) => ({ handle: ({ data }) => session.send({ data }) }),
    });
    const { session } = world;
    if (kind === 'web') {
      const reader = session.webReadable().getReader();
      const waiting = reader.read();
      await rounds();
      await reader.cancel();
      expect(await waiting).toEqual({ done: true, value: undefined });
    } else {
      const stream = session.readable();
      stream.read(0);
      await rounds();
      stream.destroy();
      await once(stream, 'close');
    }
    await session.send('still there');
    expect((await session.receive())?.text).toBe('still there');
  });

  it('fails with what the session ends with', async () => {
    await using world = await opened(sourceRoute(['a'], false));
    const reader = out(world.session)[Symbol.asyncIterator]();
    await reader.next();
    const next = reader.next();
    await world.gateway.restart();
    await expect(next).rejects.toMatchObject({ code: 'RESET' });
  });
});

describe('a stream for Node.js out of a session', () => {
  it('gives messages in object mode', async () => {
    await using world = await opened(sourceRoute(['a', '', 'b']));
    const messages: Message[] = [];
    for await (const message of world.session.readable({ objectMode: true }))
      messages.push(message as Message);
    expect(messages.map(({ text, key }) => [text, key])).toEqual([
      ['a', 'key of a'],
      ['', 'key of '],
      ['b', 'key of b'],
    ]);
  });

  it('reads ahead where it is asked to', async () => {
    await using world = await opened(sourceRoute(['a', 'b', 'c', 'd'], false));
    const stream = world.session.readable({ highWaterMark: 3 });
    stream.read(0);
    await rounds();
    expect(world.gateway.account.down.delivered).toBe(2);
    stream.destroy();
  });

  it('pipes into a slow stream without reading ahead of it', async () => {
    await using world = await opened(sourceRoute(Array.from({ length: 100 }, (_, n) => `${n},`)));
    let text = '';
    await pipeline(world.session.readable(), async function (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        text += chunk.toString();
        await rounds(1);
      }
    });
    expect(text).toBe(Array.from({ length: 100 }, (_, n) => `${n},`).join(''));
  });
});

describe('both ways at once', () => {
  it.each(kinds)('carries more than any window through an echo, %s', async (kind) => {
    await using world = await opened({
      kind: 'echo',
      open: (session) => ({ handle: ({ data }) => session.send({ data }) }),
    });
    const sent = Array.from({ length: 3_000 }, (_, n) => Buffer.from(`${n},`.repeat(100)));
    const { session } = world;
    const back = kind === 'node' ? session.readable() : session.webReadable();
    const [received] = await Promise.all([
      buffer(back),
      pipeline(
        Readable.from(sent),
        (kind === 'node' ? session.writable() : session.webWritable()) as NodeJS.WritableStream,
      ),
    ]);
    expect(received.equals(Buffer.concat(sent))).toBe(true);
    expect(await session.closed).toMatchObject({ error: undefined, unsettled: [], unsent: [] });
  });
});
