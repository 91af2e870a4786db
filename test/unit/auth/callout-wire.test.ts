import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCalloutSecret } from '../../../src/auth/callout-secret.js';
import { bodyOf, keyOf, readAnswer, WrongAnswerError } from '../../../src/auth/callout-wire.js';

const NOW_MS = 1_700_000_000_000;
const read = (json: unknown, status = 200) => readAnswer(status, json, NOW_MS);
const client = { id: 'ann', method: 'jwt', class: 'default' };

describe('bodyOf and keyOf', () => {
  it('the body is as documented', () => {
    expect(bodyOf({ event: 'connect', client }, 'gw-1', '10.0.0.7:5000')).toEqual({
      ...{ version: 1, event: 'connect', node: 'gw-1', peer: '10.0.0.7:5000', client },
    });
    const open = { event: 'open', client, session: 's1', route: 'chat', subject: 'room-1' } as const;
    expect(bodyOf(open, 'gw-1', 'unix')).toEqual({ version: 1, node: 'gw-1', peer: 'unix', ...open });
  });

  it('the question of the page is one', () => {
    const page = readFileSync('docs/authorization-callout.md', 'utf8');
    const shown = JSON.parse(/```json\n([^`]+)```/.exec(page)![1]!);
    const { node, peer, version, ...question } = shown;
    expect(bodyOf(question, node, peer)).toEqual(shown);
    expect(version).toBe(1);
  });

  it('each member of a question makes another key, and no two run together', () => {
    const open = { event: 'open', client, session: 's', route: 'r', subject: '' } as const;
    const questions = [
      open,
      { ...open, event: 'connect' as const },
      { ...open, client: { ...client, id: 'bob' } },
      { ...open, client: { ...client, method: 'static' } },
      { ...open, client: { ...client, class: 'gold' } },
      { ...open, session: 't' },
      { ...open, route: 'q' },
      { ...open, subject: 't' },
      { ...open, session: 's","r', route: '' },
      { event: 'open' as const, client, route: 'r', subject: '' },
      { event: 'connect' as const, client },
    ];
    expect(new Set(questions.map(keyOf)).size).toBe(questions.length);
    expect(keyOf({ ...open })).toBe(keyOf(open));
  });
});

describe('readAnswer', () => {
  it('reads yes, no, and all there may be', () => {
    expect(read({ allow: true })).toEqual({ answer: { allow: true }, keepMs: undefined });
    expect(read({ allow: false, reason: 'not on Sundays' }).answer).toEqual({
      ...{ allow: false, reason: 'not on Sundays' },
    });
    const all = {
      ...{ allow: true, class: 'gold', permissions: ['open:chat/*'], expiresInMs: 5_000, cacheMs: 9_000 },
      ...{ somethingNewer: { allow: false } },
    };
    expect(read(all)).toEqual({
      answer: {
        ...{ allow: true, clientClass: 'gold', permissions: ['open:chat/*'], expiresAtMs: NOW_MS + 5_000 },
      },
      keepMs: 5_000,
    });
    expect(read({ allow: true, cacheMs: 0 }).keepMs).toBe(0);
    expect(read({ allow: true, cacheMs: 10, expiresInMs: 20 }).keepMs).toBe(10);
    expect(read({ allow: true, permissions: [] }).answer).toEqual({ allow: true, permissions: [] });
  });

  it('403 is a no, whatever it says; any other status is a failure, success too', () => {
    expect(read(undefined, 403)).toEqual({ answer: { allow: false }, keepMs: undefined });
    for (const status of [0, 100, 201, 204, 301, 302, 400, 401, 404, 429, 500, 503]) {
      expect(() => read({ allow: true }, status)).toThrow(`it answered with status ${status}`);
    }
  });

  it.for([
    null,
    'yes',
    true,
    1,
    [],
    [{ allow: true }],
    {},
    { allow: null },
    { allow: 'true' },
    { allow: 1 },
    { Allow: true },
    { allow: true, reason: 5 },
    { allow: false, reason: null },
    { allow: true, class: '' },
    { allow: true, class: 7 },
    { allow: true, class: null },
    { allow: true, class: 'a\nb' },
    { allow: true, class: 'x'.repeat(129) },
    { allow: true, permissions: null },
    { allow: true, permissions: '*' },
    { allow: true, permissions: { 0: '*' } },
    { allow: true, permissions: [1] },
    { allow: true, permissions: ['chat'] },
    { allow: true, permissions: ['open:chat', null] },
    { allow: true, permissions: Array.from({ length: 257 }, () => '*') },
    { allow: true, expiresInMs: '5000' },
    { allow: true, expiresInMs: 0 },
    { allow: true, expiresInMs: -1 },
    { allow: true, expiresInMs: null },
    { allow: true, cacheMs: -1 },
    { allow: true, cacheMs: '0' },
    { allow: true, cacheMs: [] },
  ])('is no answer: %j', (json) => {
    expect(() => read(json)).toThrow(WrongAnswerError);
  });

  it('numbers without end are none', () => {
    expect(() => read(JSON.parse('{"allow":true,"expiresInMs":1e999}'))).toThrow('expiresInMs');
    expect(() => read(JSON.parse('{"allow":true,"cacheMs":1e999}'))).toThrow('cacheMs');
  });

  it('an answer for longer than the calendar goes on is for as long as that', () => {
    const { answer } = read({ allow: true, expiresInMs: Number.MAX_SAFE_INTEGER });
    expect(new Date(answer.expiresAtMs ?? NaN).toISOString()).toBe('+275760-09-13T00:00:00.000Z');
  });

  it('a reason is short and harmless', () => {
    const { answer } = read({ allow: false, reason: `\u001b[31mno\u202e\r\n${'x'.repeat(500)}` });
    expect(answer.reason).toHaveLength(200);
    expect(answer.reason).toMatch(/^ \[31mno {3}x+$/);
    const cut = read({ allow: false, reason: `${'x'.repeat(199)}😀` }).answer.reason;
    expect(cut).toBe(`${'x'.repeat(199)} `);
  });

  it('what is wrong is named, not quoted', () => {
    expect(() => read({ allow: true, class: ['hunter2'] })).toThrow(/^class is not a name of a class$/);
  });
});

describe('parseCalloutSecret', () => {
  it('is the only line of its file', () => {
    expect(parseCalloutSecret('abc-DEF._~+/123==\n')).toBe('abc-DEF._~+/123==');
    expect(parseCalloutSecret('  abc\r\n')).toBe('abc');
  });

  it.for(['', ' \n', 'two words', 'two\nlines', 'hunter2\u0000', 'x: y', 'pässword', 'x'.repeat(4_097)])(
    'refuses %j, and quotes nothing',
    (text) => {
      expect(() => parseCalloutSecret(text)).toThrow(/^is (empty|not one line of at most 4096 [^:]+)$/);
    },
  );
});
