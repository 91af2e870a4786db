/** Calls of every kind, and what their clients must see of them whether a gateway is on the way or not. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { PlayCall, PlayClient, Seen } from './play-client.js';
import type { Entry } from './play-steps.js';

export interface SameCall extends PlayCall {
  readonly what: string;
  /** Beside being the same, it is this. */
  readonly expected: {
    readonly status?: number;
    readonly message?: string;
    readonly answers?: Partial<Seen['answers']>;
    readonly initial?: Seen['initial'];
    readonly trailers?: Seen['trailers'];
  };
  /** The message is made by the client's library, with figures in it. */
  readonly ownWords?: boolean;
  /** Takes a second or more. */
  readonly long?: boolean;
  /** Backends that can't. */
  readonly notBy?: readonly ('node' | 'python' | 'go')[];
}

const MIB = 1024 * 1024;

/** No two alike, and not compressible. */
function* messages(count: number, bytes: number): Generator<Buffer> {
  for (let n = 0; n < count; n += 1) {
    const message = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; at += 4_096)
      createHash('sha512')
        .update(`${String(n)} ${String(at)}`)
        .digest()
        .copy(message, at);
    yield message;
  }
}

/** Can be gone through again. */
const batch = (count: number, bytes: number): Iterable<Buffer> => ({
  [Symbol.iterator]: () => messages(count, bytes),
});

/** google.rpc.Status {5, "gone", [type.googleapis.com/a.B]} and some bytes that no decoder knows. */
const DETAILS = Buffer.concat([
  Buffer.from([0x08, 0x05, 0x12, 0x04]),
  Buffer.from('gone'),
  Buffer.from([0x1a, 0x19, 0x0a, 0x17]),
  Buffer.from('type.googleapis.com/a.B'),
  Buffer.from([0xba, 0x3e, 0x03, 0x00, 0xff, 0x80]),
]).toString('base64');

/** Text and bytes, several of one name, in their order, empty ones, and every byte there is. */
const ENTRIES: readonly Entry[] = [
  ['x-one', 'first'],
  ['x-one', 'second'],
  ['x-text', 'a b; c="d", 100% ~'],
  ['x-all-bin', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('base64')],
  ['x-two-bin', Buffer.from('1').toString('base64')],
  ['x-two-bin', Buffer.from('zwei').toString('base64')],
];
/** A client of grpc-js makes one value of several, unless they are bytes. */
const asSeen = (entries: readonly Entry[]): Record<string, string[]> => {
  const seen: Record<string, string[]> = {};
  for (const [name, value] of entries) (seen[name] ??= []).push(value);
  for (const [name, values] of Object.entries(seen))
    if (!name.endsWith('-bin')) seen[name] = [values.join(', ')];
  return seen;
};
const containing = (entries: readonly Entry[]): Seen['trailers'] =>
  expect.objectContaining(asSeen(entries)) as Seen['trailers'];

export const sameCalls: readonly SameCall[] = [
  {
    what: 'unary',
    shape: 'Unary',
    requests: batch(1, 1_000),
    steps: [['echo', 1]],
    expected: { status: 0, answers: { count: 1, bytes: 1_000 } },
  },
  {
    what: 'client streaming',
    shape: 'Upload',
    requests: batch(20, 1_000),
    steps: [['read', -1], ['digest']],
    expected: { status: 0, answers: { count: 1 } },
  },
  {
    what: 'server streaming',
    shape: 'Follow',
    requests: batch(1, 10),
    steps: [
      ['read', -1],
      ['send', 20, 1_000],
    ],
    expected: { status: 0, answers: { count: 20, bytes: 20_000 } },
  },
  {
    what: 'bidirectional',
    shape: 'Talk',
    requests: batch(20, 1_000),
    steps: [['echo', -1]],
    expected: { status: 0, answers: { count: 20, bytes: 20_000 } },
  },
  {
    what: 'empty messages',
    shape: 'Talk',
    requests: batch(5, 0),
    steps: [['echo', -1]],
    expected: { status: 0, answers: { count: 5, bytes: 0 } },
  },
  {
    what: 'an empty message, unary',
    shape: 'Unary',
    requests: batch(1, 0),
    steps: [['echo', 1]],
    expected: { status: 0, answers: { count: 1, bytes: 0 } },
  },
  {
    what: 'no message either way',
    shape: 'Talk',
    steps: [['echo', -1]],
    expected: { status: 0, answers: { count: 0 } },
  },
  {
    what: 'an upload of nothing',
    shape: 'Upload',
    steps: [['read', -1], ['digest']],
    expected: { status: 0, answers: { count: 1 } },
  },
  {
    what: 'a stream of nothing',
    shape: 'Follow',
    steps: [['read', -1]],
    expected: { status: 0, answers: { count: 0 } },
  },
  {
    what: '10,000 small messages up',
    shape: 'Upload',
    requests: batch(10_000, 20),
    steps: [['read', -1], ['digest']],
    expected: { status: 0, answers: { count: 1 } },
    long: true,
  },
  {
    what: '10,000 small messages down',
    shape: 'Follow',
    steps: [['send', 10_000, 20]],
    expected: { status: 0, answers: { count: 10_000, bytes: 200_000 } },
    long: true,
  },
  {
    what: '10,000 small messages both ways',
    shape: 'Talk',
    requests: batch(10_000, 20),
    steps: [['echo', -1]],
    expected: { status: 0, answers: { count: 10_000, bytes: 200_000 } },
    long: true,
  },
  {
    what: '300 small messages both ways',
    shape: 'Talk',
    requests: batch(300, 20),
    steps: [['echo', -1]],
    expected: { status: 0, answers: { count: 300, bytes: 6_000 } },
  },
  {
    what: 'a message of 4 MiB, unary',
    shape: 'Unary',
    requests: batch(1, 4 * MIB),
    steps: [['echo', 1]],
    expected: { status: 0, answers: { count: 1, bytes: 4 * MIB } },
  },
  {
    what: 'messages of 4 MiB both ways',
    shape: 'Talk',
    requests: batch(3, 4 * MIB),
    steps: [['echo', -1]],
    expected: { status: 0, answers: { count: 3, bytes: 12 * MIB } },
    long: true,
  },
  {
    what: 'compressed answers',
    shape: 'Talk',
    requests: batch(10, 5_000),
    steps: [['gzip'], ['echo', -1], ['send', 3, 100_000]],
    expected: { status: 0, answers: { count: 13, bytes: 350_000 } },
    notBy: ['node'],
  },
  {
    what: 'an error before any message',
    shape: 'Talk',
    requests: batch(1, 10),
    steps: [
      ['read', 1],
      ['end', 5, 'there is none'],
    ],
    expected: { status: 5, message: 'there is none', answers: { count: 0 } },
  },
  {
    what: 'a unary error',
    shape: 'Unary',
    requests: batch(1, 10),
    steps: [
      ['read', 1],
      ['end', 9, 'not now'],
    ],
    expected: { status: 9, message: 'not now' },
  },
  {
    what: 'an error of an upload, in the midst of it',
    shape: 'Upload',
    requests: batch(50, 1_000),
    steps: [
      ['read', 7],
      ['end', 3, 'the seventh'],
    ],
    expected: { status: 3, message: 'the seventh' },
  },
  {
    what: 'an error in mid-stream',
    shape: 'Follow',
    steps: [
      ['send', 7, 100],
      ['end', 15, 'lost'],
    ],
    expected: { status: 15, message: 'lost', answers: { count: 7, bytes: 700 } },
  },
  {
    what: 'an error with details, byte for byte',
    shape: 'Unary',
    steps: [
      ['read', 1],
      ['trailers', [['grpc-status-details-bin', DETAILS]]],
      ['end', 5, 'gone'],
    ],
    expected: {
      status: 5,
      message: 'gone',
      trailers: containing([['grpc-status-details-bin', DETAILS]]),
    },
  },
  {
    what: 'an error with details behind messages',
    shape: 'Follow',
    steps: [
      ['send', 2, 1],
      ['trailers', [['grpc-status-details-bin', DETAILS], ...ENTRIES]],
      ['end', 8, 'enough'],
    ],
    expected: {
      status: 8,
      answers: { count: 2 },
      trailers: containing([['grpc-status-details-bin', DETAILS], ...ENTRIES]),
    },
  },
  ...(
    [
      ['UNICODE', 'größer als 100 °C: 温度 🌡'],
      ['per cent', '100% %41 %zz %'],
      ['empty', ''],
      ['quotes and lines', 'a "b" \\ c\nd\te'],
    ] as const
  ).map(([what, message]): SameCall => ({
    what: `a status message with ${what}`,
    shape: 'Unary',
    steps: [
      ['read', 1],
      ['end', 10, message],
    ],
    expected: { status: 10, message },
  })),
  ...[1, 2, 3, 4, 6, 7, 11, 12, 13, 14, 16].map((status): SameCall => ({
    what: `status ${String(status)}`,
    shape: 'Unary',
    steps: [
      ['read', 1],
      ['end', status, 'said the backend'],
    ],
    expected: { status, message: 'said the backend' },
  })),
  {
    what: 'metadata of the answer, and trailers, of messages',
    shape: 'Talk',
    requests: batch(2, 10),
    steps: [
      ['headers', ENTRIES],
      ['echo', -1],
      ['trailers', ENTRIES],
    ],
    expected: {
      status: 0,
      answers: { count: 2 },
      initial: containing(ENTRIES),
      trailers: containing(ENTRIES),
    },
  },
  {
    what: 'metadata of the answer, and trailers, unary',
    shape: 'Unary',
    steps: [
      ['headers', ENTRIES],
      ['echo', 1],
      ['trailers', ENTRIES],
    ],
    expected: { status: 0, initial: containing(ENTRIES), trailers: containing(ENTRIES) },
  },
  {
    what: 'trailers of an error before any message',
    shape: 'Talk',
    steps: [
      ['trailers', ENTRIES],
      ['end', 6, 'twice'],
    ],
    expected: { status: 6, trailers: containing(ENTRIES), answers: { count: 0 } },
  },
  {
    what: 'initial metadata and nothing behind it',
    shape: 'Talk',
    steps: [
      ['headers', ENTRIES],
      ['read', -1],
    ],
    expected: { status: 0, initial: containing(ENTRIES), answers: { count: 0 } },
  },
  {
    what: 'initial metadata, then an error',
    shape: 'Follow',
    steps: [
      ['headers', ENTRIES],
      ['end', 13, 'broken'],
    ],
    expected: { status: 13, message: 'broken', initial: containing(ENTRIES) },
  },
  {
    what: 'initial metadata long before the first message',
    shape: 'Talk',
    requests: batch(1, 10),
    steps: [
      ['headers', [['x-early', 'yes']]],
      ['sleep', 100],
      ['echo', -1],
    ],
    expected: { status: 0, initial: containing([['x-early', 'yes']]), answers: { count: 1 } },
  },
  {
    what: 'answers before any request',
    shape: 'Talk',
    steps: [
      ['send', 3, 10],
      ['read', -1],
      ['send', 1, 20],
    ],
    expected: { status: 0, answers: { count: 4, bytes: 50 } },
  },
  {
    what: 'a backend that ends while its client still sends',
    shape: 'Talk',
    requests: batch(200, 64 * 1_024),
    steps: [
      ['read', 3],
      ['send', 1, 5],
      ['end', 9, 'that is enough'],
    ],
    expected: { status: 9, message: 'that is enough', answers: { count: 1 } },
  },
  {
    what: 'a backend that ends well while its client still sends',
    shape: 'Talk',
    requests: batch(200, 64 * 1_024),
    steps: [
      ['echo', 2],
      ['trailers', [['x-end', 'early']]],
    ],
    expected: { status: 0, answers: { count: 2 }, trailers: containing([['x-end', 'early']]) },
  },
  {
    what: 'a backend that ends without a word to a client that says nothing',
    shape: 'Talk',
    staysOpen: true,
    steps: [['end', 16, 'who are you?']],
    expected: { status: 16, message: 'who are you?' },
  },
  {
    what: 'a half-close, and answers long after it',
    shape: 'Talk',
    requests: batch(2, 100),
    steps: [
      ['read', -1],
      ['sleep', 300],
      ['send', 2, 100],
      ['sleep', 300],
      ['send', 2, 100],
    ],
    expected: { status: 0, answers: { count: 4, bytes: 400 } },
    long: true,
  },
  {
    what: 'a deadline that passes',
    shape: 'Talk',
    timeoutMs: 250,
    steps: [['send', 1, 10], ['wait']],
    expected: { status: 4, answers: { count: 1 } },
    ownWords: true,
  },
];

/** Plays each on both, one after the other, and compares; one that differs does not keep the rest from it. */
export async function expectSame(
  calls: Iterable<SameCall>,
  direct: PlayClient,
  through: PlayClient,
): Promise<void> {
  for (const call of calls) {
    const { first: _direct, ...at } = await direct.play(call);
    expect.soft(at, `${call.what}, direct`).toMatchObject(call.expected);
    const { first: _through, ...via } = await through.play(call);
    const words = call.ownWords === true ? { message: at.message } : {};
    expect.soft({ ...via, ...words }, `${call.what}, through the gateway`).toEqual(at);
  }
}
