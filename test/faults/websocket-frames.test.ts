/**
 * Frames that no client should send, and odd ones that it may, after RFC 6455
 * and the sections of the Autobahn test suite. Each that breaks a rule ends its
 * own connection, with the code of section 7.4.1 and a code of the catalogue; a
 * bystander on the same gateway notices nothing, and nothing is left.
 */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Bystander } from '../helpers/bystander.js';
import { startGateway, type GatewayUnderTest } from '../helpers/gateway.js';
import { frame, Opcode, RawWebSocket, type RawWebSocketOptions } from '../helpers/raw-websocket.js';

const MIB = 1024 * 1024;
const { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT } = Opcode;

/** A gateway and one who does nothing wrong, who is asked at the end how it went. */
class World implements AsyncDisposable {
  readonly server: GatewayUnderTest;
  readonly #bystander: Bystander;

  private constructor(server: GatewayUnderTest) {
    this.server = server;
    this.#bystander = new Bystander(server.address);
  }

  static async start(): Promise<World> {
    const world = new World(await startGateway({ 'edge.enabled': true }));
    await world.#bystander.check(4);
    return world;
  }

  get edge(): string {
    return this.server.gateway.edgeAddresses[0]?.text ?? '';
  }

  open(options?: RawWebSocketOptions): Promise<RawWebSocket> {
    return new RawWebSocket(this.edge, options).opened();
  }

  /** How many connections have ended with this code so far. */
  endedBy(code: 'INVALID_MESSAGE' | 'MESSAGE_TOO_LARGE' | 'CANCELLED' | 'LOST'): number {
    return this.server.gateway.metrics.connectionsEnded.get(code) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bystander.check(4);
    this.#bystander[Symbol.dispose]();
    expect(this.server.log.filter(({ level }) => level === 'error')).toEqual([]);
    await this.server[Symbol.asyncDispose]();
  }
}

function say(word: string): string {
  return JSON.stringify({ sessionId: 's', data: Buffer.from(word).toString('base64') });
}

/** The data that was echoed. */
function echoes(client: RawWebSocket): readonly string[] {
  return client.messages
    .filter(({ data }) => typeof data === 'string')
    .map(({ data }) => Buffer.from(data as string, 'base64').toString());
}

/** A Close, as a client sends one. */
function closing(code: number, reason: Buffer | string = ''): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame(CLOSE, Buffer.concat([head, Buffer.from(reason)]));
}

const BROKEN: readonly (readonly [section: string, what: string, frames: readonly Buffer[], code: number])[] =
  [
    ['5.1', 'a frame without a mask', [frame(TEXT, say('x'), { masked: false })], 1002],
    [
      '5.2',
      'the first reserved bit, with no extension agreed',
      [frame(TEXT, say('x'), { reserved: 0x40 })],
      1002,
    ],
    ['5.2', 'the second reserved bit', [frame(TEXT, say('x'), { reserved: 0x20 })], 1002],
    ['5.2', 'the third reserved bit', [frame(PING, '', { reserved: 0x10 })], 1002],
    ['5.2', 'reserved opcode 3', [frame(3, 'x')], 1002],
    ['5.2', 'reserved opcode 7', [frame(7)], 1002],
    ['5.2', 'reserved control opcode 11', [frame(11)], 1002],
    ['5.2', 'reserved control opcode 15', [frame(15, 'x')], 1002],
    ['5.4', 'a continuation of nothing', [frame(CONTINUATION, 'x')], 1002],
    ['5.4', 'a message within another', [frame(TEXT, '{"sess', { fin: false }), frame(TEXT, say('x'))], 1002],
    [
      '5.4',
      'a continuation behind the last fragment',
      [frame(TEXT, '{', { fin: false }), frame(CONTINUATION, '}'), frame(CONTINUATION, '{}')],
      1002,
    ],
    ['5.5', 'a ping of 126 bytes', [frame(PING, Buffer.alloc(126))], 1002],
    ['5.5', 'a pong of 65,536 bytes', [frame(PONG, Buffer.alloc(65_536))], 1002],
    ['5.5', 'a ping in fragments', [frame(PING, 'a', { fin: false }), frame(CONTINUATION, 'b')], 1002],
    ['5.5.1', 'a Close in fragments', [frame(CLOSE, Buffer.from([3, 232]), { fin: false })], 1002],
    ['5.5.1', 'a Close of one byte', [frame(CLOSE, Buffer.from([3]))], 1002],
    [
      '5.5.1',
      'a Close whose reason is not UTF-8',
      [closing(1000, Buffer.from([0xce, 0xba, 0xe1, 0xbd]))],
      1007,
    ],
    ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535].map(
      (code) => ['7.4.1', `a Close with code ${code}`, [closing(code)], 1002] as const,
    ),
    ['8.1', 'text that is not UTF-8', [frame(TEXT, Buffer.from([0x7b, 0xc3, 0x28, 0x7d]))], 1007],
    [
      '8.1',
      'half a surrogate pair in UTF-8',
      [frame(TEXT, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))],
      1007,
    ],
    [
      '8.1',
      'text that is cut within a character, in fragments',
      [
        frame(TEXT, Buffer.from([0x22, 0xf0, 0x9d]), { fin: false }),
        frame(CONTINUATION, Buffer.from([0x84])),
      ],
      1007,
    ],
    ['5.6', 'a binary message where JSON is spoken', [frame(BINARY, 'x')], 1003],
    ['5.2', 'a length above 2^53', [frame(TEXT, 'x', { length: 2n ** 62n })], 1009],
  ];

describe('what breaks a rule', () => {
  it('ends its connection: the code of the Close, the code of the catalogue, the whole sentence before it', async () => {
    await using world = await World.start();
    for (const [section, what, frames, code] of BROKEN) {
      const name = `section ${section}: ${what}`;
      const before = world.endedBy('INVALID_MESSAGE') + world.endedBy('MESSAGE_TOO_LARGE');
      using client = await world.open();
      client.write(frame(TEXT, say('before')), ...frames);
      const close = await client.closed();
      expect(close?.code, name).toBe(code);
      const catalogue = code === 1009 ? 'MESSAGE_TOO_LARGE' : 'INVALID_MESSAGE';
      expect(close?.reason, name).toMatch(new RegExp(`^${catalogue}: `));
      expect(client.messages.at(-1), name).toMatchObject({ control: { error: { code: catalogue } } });
      await expect
        .poll(() => world.endedBy('INVALID_MESSAGE') + world.endedBy('MESSAGE_TOO_LARGE'), { message: name })
        .toBe(before + 1);
    }
  });

  it('a text message where protobuf is spoken', async () => {
    await using world = await World.start();
    using client = await world.open({ subprotocol: 'sluice.v1.proto' });
    client.write(frame(TEXT, '{}'));
    expect(await client.closed()).toMatchObject({ code: 1003 });
  });

  it.each([
    ['in one frame', [frame(TEXT, 'x', { length: BigInt(6 * MIB) })]],
    ['that has only begun to come', [frame(TEXT, '', { length: BigInt(5 * MIB + 1) })]],
    [
      'in fragments',
      Array.from({ length: 6 }, (_, n) =>
        frame(n === 0 ? TEXT : CONTINUATION, Buffer.alloc(MIB, 0x20), { fin: n === 5 }),
      ),
    ],
  ])('a message over the limit, %s: 1009, with the limit and its setting', async (_, frames) => {
    await using world = await World.start();
    using client = await world.open();
    client.write(...frames);
    const close = await client.closed();
    expect(close?.code).toBe(1009);
    expect(close?.reason).toContain('MESSAGE_TOO_LARGE: ');
    const last = client.messages.at(-1) as { control: { error: { message: string } } };
    expect(last.control.error.message).toMatch(/\b5242880\b.*server\.maxMessageSize/);
  });

  it('fragments without an end: bounded, 1008', async () => {
    await using world = await World.start();
    using client = await world.open();
    client.write(frame(TEXT, ' ', { fin: false }));
    const many = Buffer.concat(
      Array.from({ length: 20_000 }, () => frame(CONTINUATION, ' ', { fin: false })),
    );
    client.write(many);
    expect(await client.closed()).toMatchObject({ code: 1008 });
  });

  it('pings without an end between two fragments: what they came with is bounded, 1008', async () => {
    await using world = await World.start();
    using client = await world.open();
    const pings = Buffer.concat(Array.from({ length: 800 }, () => frame(PONG, Buffer.alloc(125))));
    for (let mib = 0; mib < 130 && !client.isClosed; mib += 1) {
      client.write(frame(mib === 0 ? TEXT : CONTINUATION, ' ', { fin: false }), pings);
    }
    expect(await client.closed()).toMatchObject({ code: 1008 });
  });

  it('random bytes, fifty times: each connection ends', async () => {
    await using world = await World.start();
    for (let n = 0; n < 50; n += 1) {
      using client = await world.open();
      client.write(randomBytes(1 + n * 13));
      client.socket.end();
      await client.closed();
    }
  });

  it('messages behind the half-close', async () => {
    await using world = await World.start();
    using client = await world.open();
    const goodbye = JSON.stringify({ type: 'MESSAGE_TYPE_CONTROL', control: { close: {} } });
    client.write(frame(TEXT, goodbye), frame(TEXT, say('more')));
    const close = await client.closed();
    expect(close).toMatchObject({ code: 4000 });
    expect(close?.reason).toContain('INVALID_MESSAGE: ');
  });

  it.each(['/v1/publish', '/v1/subscribe'])('a second request at %s', async (path) => {
    await using world = await World.start();
    using client = await world.open({ path });
    client.write(frame(TEXT, '{}'), frame(TEXT, '{}'));
    const close = await client.closed();
    expect(close?.reason).toMatch(/^[A-Z_]+: /);
  });
});

describe('what may come', () => {
  it('section 5.4: one byte a fragment, with pings between them and in pieces of one byte', async () => {
    await using world = await World.start();
    using client = await world.open();
    const word = say('ä€𝄞 in fragments');
    const body = Buffer.from(word);
    const bytes: Buffer[] = [];
    body.forEach((_, index) => {
      const fin = index === body.length - 1;
      bytes.push(frame(index === 0 ? TEXT : CONTINUATION, body.subarray(index, index + 1), { fin }));
      if (index % 10 === 0) bytes.push(frame(PING, `${index}`));
      if (index % 15 === 0 && !fin) bytes.push(frame(CONTINUATION, '', { fin: false }));
    });
    for (const byte of Buffer.concat(bytes)) client.write(Buffer.from([byte]));
    const pongs = (): readonly string[] =>
      client.frames.filter(({ opcode }) => opcode === PONG).map(({ payload }) => payload.toString());
    const pings = Math.ceil(body.length / 10);
    await client.until(() => echoes(client).length === 1 && pongs().length >= pings);
    expect(echoes(client)).toEqual(['ä€𝄞 in fragments']);
    expect(pongs()).toEqual(Array.from({ length: pings }, (_, n) => `${n * 10}`));
    client.write(closing(1000));
    expect(await client.closed()).toEqual({ code: 1000, reason: '' });
  });

  it('sections 5.5.2 and 5.5.3: pings of every length are answered, pongs nobody asked for are not', async () => {
    await using world = await World.start();
    using client = await world.open();
    const payloads = ['', 'a', randomBytes(125)];
    client.write(...payloads.map((payload) => frame(PING, payload)), frame(PONG, 'what?'));
    await client.until(() => client.frames.filter(({ opcode }) => opcode === PONG).length === 3);
    const pongs = client.frames.filter(({ opcode }) => opcode === PONG).map(({ payload }) => payload);
    expect(pongs).toEqual(payloads.map((payload) => Buffer.from(payload)));
    client.write(frame(TEXT, say('still here')));
    await client.until(() => echoes(client).length === 1);
  });

  it.each([1000, 1001, 1003, 1007, 1011, 3000, 3999, 4000, 4999])(
    'section 7.4: a Close with code %i is answered with it, and the socket closed',
    async (code) => {
      await using world = await World.start();
      const before = world.endedBy('CANCELLED');
      using client = await world.open();
      client.write(frame(TEXT, say('x')), closing(code, 'Auf Wiedersehen'));
      expect(await client.closed()).toMatchObject({ code });
      await expect.poll(() => world.endedBy('CANCELLED')).toBe(before + 1);
    },
  );

  it('section 5.5.1: a Close without a code; what comes behind it is not read', async () => {
    await using world = await World.start();
    using client = await world.open();
    client.write(frame(CLOSE), frame(TEXT, say('too late')));
    expect(await client.closed()).toEqual({ code: 1005, reason: '' });
    expect(echoes(client)).toEqual([]);
  });

  it('section 7.1.7: a client that half-closes TCP, or is gone, without a Close', async () => {
    await using world = await World.start();
    const before = world.endedBy('LOST');
    using half = await world.open();
    half.socket.end();
    await half.closed();
    using gone = await world.open();
    gone.write(frame(TEXT, say('x').slice(0, 5), { fin: false }));
    gone.socket.resetAndDestroy();
    await expect.poll(() => world.endedBy('LOST')).toBe(before + 2);
  });

  it('a message of just under the limit, echoed in fragments that join to it', async () => {
    await using world = await World.start();
    using client = await world.open({ subprotocol: 'sluice.v1.proto' });
    const data = randomBytes(5 * MIB - 100);
    const head = Buffer.from([0x12, 1, 0x73, 0x32, 0, 0, 0, 0]);
    head.writeUInt32LE(varint(data.length), 4);
    client.write(frame(BINARY, Buffer.concat([head, data])));
    const large = (): Buffer =>
      Buffer.concat(
        client.frames
          .filter(({ opcode, payload }) => opcode === CONTINUATION || payload.length === 65_536)
          .map(({ payload }) => payload),
      );
    await client.until(() => large().length > data.length);
    expect(large().includes(data.subarray(0, 4_096))).toBe(true);
    expect(large().includes(data.subarray(-4_096))).toBe(true);
  });
});

/** Four bytes of a varint, as a little-endian number. */
function varint(value: number): number {
  const bytes = [0, 7, 14, 21].map((shift, n) => ((value >>> shift) & 0x7f) | (n < 3 ? 0x80 : 0));
  return Buffer.from(bytes).readUInt32LE(0);
}

describe('the handshake', () => {
  it.each<readonly [string, RawWebSocketOptions, number, string]>([
    ['no subprotocol', { headers: { 'sec-websocket-protocol': '' } }, 400, 'sluice.v1.proto, sluice.v1.json'],
    ['an unknown subprotocol', { subprotocol: 'mqtt' }, 400, 'sluice.v1.proto, sluice.v1.json'],
    ['a token alone', { subprotocol: 'sluice.v1.bearer.czNjcmV0' }, 400, 'sluice.v1.json'],
    ['a token that is none', { subprotocol: 'sluice.v1.json, sluice.v1.bearer.??' }, 401, 'base64url'],
    ['no key', { headers: { 'sec-websocket-key': '' } }, 400, 'Sec-WebSocket-Key'],
    ['a key that is too short', { headers: { 'sec-websocket-key': 'YQ==' } }, 400, 'Sec-WebSocket-Key'],
    ['another version', { headers: { 'sec-websocket-version': '12' } }, 400, 'Sec-WebSocket-Version'],
    ['another path', { path: '/v2/stream' }, 404, 'nothing is upgraded'],
  ])('%s: an answer of HTTP that says what is wrong', async (_, options, status, words) => {
    await using world = await World.start();
    using client = new RawWebSocket(world.edge, options);
    await client.closed();
    expect(client.answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    const body = client.answer.slice(client.answer.indexOf('\r\n\r\n') + 4);
    const { error } = JSON.parse(body) as { error: { code: string; message: string } };
    expect(error.code).toMatch(/^[A-Z_]+$/);
    expect(error.message).toContain(words);
    expect(body).not.toContain('czNjcmV0');
  });

  it('the first subprotocol that is known is chosen, the token never', async () => {
    await using world = await World.start();
    using client = await world.open({
      subprotocol: 'sluice.v1.bearer.YWJj, mqtt, sluice.v1.json, sluice.v1.proto',
    });
    expect(client.answer).toMatch(/sec-websocket-protocol: sluice\.v1\.json\r\n/i);
    expect(client.answer).not.toContain('bearer');
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toMatchObject({ control: { welcome: {} } });
  });

  it('the query says what a browser can not say in a header', async () => {
    await using world = await World.start();
    using client = await world.open({ path: '/v1/stream?client_id=anna%20b&route=echo' });
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toMatchObject({ control: { welcome: { clientId: 'anna b' } } });
  });

  it('a question mark within the query is part of it', async () => {
    await using world = await World.start();
    using client = await world.open({ path: '/v1/stream?subject=why?&client_id=anna' });
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toMatchObject({ control: { welcome: { clientId: 'anna' } } });
  });

  it('what headers say is UTF-8, as over HTTP', async () => {
    await using world = await World.start();
    using client = await world.open({ headers: { 'x-client-id': 'Zoë' } });
    await client.until(() => client.messages.length > 0);
    expect(client.messages[0]).toMatchObject({ control: { welcome: { clientId: 'Zoë' } } });
  });
});
