import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventText } from '../../../src/edge/event-text.js';
import { type EventEncoding, gapEvent, messageEvent, SharedEvents } from '../../../src/edge/topic-events.js';
import { dataMessage } from '../../../src/wire/messages.js';
import { EventStreamParser } from '../../helpers/event-stream-parser.js';

const encoder = new TextEncoder();
/** Texts that are hard on what is made of lines. */
const hardText = fc.string({
  unit: fc.constantFrom(
    '\n',
    '\r',
    '\r\n',
    ':',
    ' ',
    'data: ',
    'id',
    '\0',
    '\ufeff',
    '\u2028',
    'a',
    '😀',
    '"',
  ),
});
const bytes = fc.oneof(
  hardText.map((text) => encoder.encode(text)),
  fc.uint8Array(),
);
const sequence = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

/** In pieces as a network would have them. */
function parse(text: string, pieceLength = 7): EventStreamParser {
  const parser = new EventStreamParser();
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += pieceLength) parser.push(all.subarray(at, at + pieceLength));
  return parser;
}

function parsed(data: Uint8Array, encoding: EventEncoding, n = 7) {
  const parser = parse(eventText(messageEvent(dataMessage({ data, sequence: n }), encoding)));
  expect(parser.lastEventId).toBe(String(n));
  return parser.events;
}

function isUtf8(data: Uint8Array): boolean {
  return Buffer.from(Buffer.from(data).toString('utf8')).equals(data);
}

describe('whatever a message holds, an event stream holds as much', () => {
  it('text: line ends come out as LF, what is no text as binary', () => {
    fc.assert(
      fc.property(bytes, sequence, fc.integer({ min: 1, max: 9 }), (data, n, pieces) => {
        const message = dataMessage({ data, sequence: n });
        const [event, ...more] = parse(eventText(messageEvent(message, 'text')), pieces).events;
        expect(more).toEqual([]);
        if (isUtf8(data)) {
          const text = Buffer.from(data).toString('utf8').replace(/\r\n?/g, '\n');
          // Without data there would be no event; an empty line is one of it.
          expect(event).toEqual({ event: 'message', data: text, lastEventId: String(n) });
        } else {
          expect(event).toMatchObject({ event: 'binary', data: Buffer.from(data).toString('base64') });
        }
      }),
    );
  });

  it('base64: every byte', () => {
    fc.assert(
      fc.property(bytes, (data) => {
        const [event] = parsed(data, 'base64');
        expect(event?.event).toBe('message');
        expect(Buffer.from(event?.data ?? '', 'base64').equals(data)).toBe(true);
      }),
    );
  });

  it('json: every byte, key and metadata', () => {
    const metadata = fc
      .array(fc.tuple(hardText, hardText), { maxLength: 4 })
      .map((entries) => new Map(entries));
    fc.assert(
      fc.property(bytes, sequence, hardText, metadata, (data, n, key, entries) => {
        const message = dataMessage({ data, sequence: n, key, metadata: entries, timestampMs: 5 });
        const [event] = parse(eventText(messageEvent(message, 'json'))).events;
        const said = JSON.parse(event?.data ?? '') as Record<string, string | undefined> & {
          metadata?: object;
        };
        expect(said['sequence']).toBe(String(n));
        expect(said['key'] ?? '').toBe(key);
        expect(new Map(Object.entries(said.metadata ?? {}))).toEqual(entries);
        const { data: text, dataBase64 } = said;
        const back = text === undefined ? Buffer.from(dataBase64 ?? '', 'base64') : Buffer.from(text);
        expect(back.equals(data)).toBe(true);
      }),
    );
  });
});

it('a block without data is no event, and moves the position', () => {
  const parser = parse(eventText({ retryMs: 2_999.6, id: '41' }) + eventText({ comment: 'here', id: '42' }));
  expect(parser.events).toEqual([]);
  expect([parser.lastEventId, parser.retryMs, parser.comments]).toEqual(['42', 3_000, [' here']]);
});

it('a gap tells from, to and why, and moves the position behind it', () => {
  const gap = gapEvent({ action: 'gap', fromSequence: 3, toSequence: 9, reason: 'expired' });
  const parser = parse(eventText(gap));
  expect(parser.events).toEqual([
    { event: 'gap', data: '{"from":"3","to":"9","reason":"expired"}', lastEventId: '9' },
  ]);
});

it('one message for many is encoded once, for each encoding', () => {
  const shared = new SharedEvents();
  const message = dataMessage({ data: encoder.encode('x'), sequence: 1 });
  const text = shared.bytesOf(message, 'text');
  const json = shared.bytesOf(message, 'json');
  expect(shared.bytesOf(message, 'text')).toBe(text);
  expect(shared.bytesOf(message, 'json')).toBe(json);
  expect(text.toString()).toBe('id: 1\ndata: x\n\n');
  expect(shared.bytesOf(dataMessage({ sequence: 2 }), 'text')).not.toBe(text);
});

it('what is encoded for many is held until the last of them leaves', () => {
  const shared = new SharedEvents();
  const message = dataMessage({ data: encoder.encode('x'), sequence: 1 });
  shared.join();
  shared.join();
  const text = shared.bytesOf(message, 'text');
  shared.leave();
  expect(shared.bytesOf(message, 'text')).toBe(text);
  shared.leave();
  expect(shared.bytesOf(message, 'text')).not.toBe(text);
});
