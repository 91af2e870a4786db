import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AttachedSession } from '../../../../src/client/attached-session.js';
import { ClientError } from '../../../../src/client/client-error.js';
import { Endpoints } from '../../../../src/client/connection/endpoints.js';
import { Link, type LinkOwner } from '../../../../src/client/connection/link.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { controlMessage, type DataMessage, dataMessage, MessageType } from '../../../../src/wire/messages.js';
import { ScriptedConnector, type ScriptedStream } from '../../../helpers/scripted-connector.js';

/** Has a number of messages to say, and keeps what comes. */
class Talker implements AttachedSession {
  readonly id: string;
  readonly wasOpened = true;
  readonly received: DataMessage[] = [];
  left: number;
  bytes = 1;

  constructor(id: string, left: number) {
    this.id = id;
    this.left = left;
  }

  attach(): void {}
  detach(): void {}
  fail(): void {}

  next(): DataMessage | undefined {
    if (this.left === 0) return undefined;
    this.left -= 1;
    return dataMessage({ sessionId: this.id, data: new Uint8Array(this.bytes) });
  }

  receive(message: DataMessage): void {
    this.received.push(message);
  }
}

describe('Link', () => {
  let clock: FakeClock;
  let connector: ScriptedConnector;
  let link: Link;
  let stream: ScriptedStream;
  let told: string[];
  let ended: ClientError | undefined;

  beforeEach(() => {
    clock = new FakeClock();
    told = [];
    ended = undefined;
    const endpoints = new Endpoints({
      addresses: ['a:1'],
      backoff: { firstMs: 1, maxMs: 1 },
      random: () => 0.5,
      dial: (address) => (connector = new ScriptedConnector(clock, address)),
    });
    const owner: LinkOwner = {
      welcomed: () => told.push('welcomed'),
      tokenTaken: () => told.push('tokenTaken'),
      tokenExpires: (_, inMs) => told.push(`tokenExpires ${inMs}`),
      tokenUnjudged: (_, { code }) => told.push(`tokenUnjudged ${code}`),
      drains: (_, what, deadlineMs) => told.push(`drains ${what} ${deadlineMs}`),
      ended: (_, error) => {
        told.push(`ended ${error?.code ?? 'in good order'}`);
        ended = error;
      },
    };
    link = new Link(
      {
        endpoint: endpoints.all[0]!,
        method: 'StreamBatches',
        metadata: {},
        clock,
        random: Math.random,
        connectTimeoutMs: 5_000,
      },
      owner,
    );
    stream = connector.last;
  });

  afterEach(() => {
    link.giveUp(undefined);
    clock.runImmediates();
    expect(clock.pending).toBe(0);
  });

  const says = (...ids: string[]): number[] =>
    ids.map((id) => stream.sent.filter(({ sessionId }) => sessionId === id).length);

  it('gives up a gateway that does not say Welcome in time, and says so in a sentence', () => {
    clock.advance(4_999);
    expect(told).toEqual([]);
    clock.advance(1);
    expect(told).toEqual(['ended UNREACHABLE']);
    expect(ended?.message).toMatch(/^a:1 did not say Welcome within 5000 ms \(connectTimeoutMs\)/);
    expect(stream.isCancelled).toBe(true);
  });

  it('refuses a gateway of a later protocol, and takes one of an earlier', () => {
    stream.welcomes({ protocolVersion: 2 });
    expect(told).toEqual(['ended NEWER_PROTOCOL']);
    expect(ended?.message).toBe(
      'The gateway at a:1 speaks version 2 of the protocol, this client 1: upgrade the client.',
    );
  });

  describe('that is welcome', () => {
    beforeEach(() => {
      stream.welcomes();
      told.length = 0;
    });

    it('says in one turn what its sessions have to say, in turn', () => {
      const a = new Talker('a', 100);
      const b = new Talker('b', 3);
      link.add(a);
      link.add(b);
      expect(stream.turns).toEqual([]);
      clock.runImmediates();
      expect(stream.turns).toHaveLength(1);
      expect(says('a', 'b')).toEqual([100, 3]);
      // The talkative one has not held up the other for longer than its share.
      expect(stream.sent.findIndex(({ sessionId }) => sessionId === 'b')).toBeLessThanOrEqual(32);
    });

    it('bounds what it says in a turn, in messages and in bytes, and shares it', () => {
      const talkers = ['a', 'b', 'c', 'd'].map((id) => new Talker(id, 10_000));
      for (const talker of talkers) link.add(talker);
      stream.hasRoom = false;
      clock.runImmediates();
      expect(says('a', 'b', 'c', 'd')).toEqual([128, 128, 128, 128]);
      for (const talker of talkers) talker.bytes = 100 * 1024;
      for (let turn = 0; turn < 4; turn += 1) {
        stream.takesMore();
        stream.hasRoom = false;
        clock.runImmediates();
      }
      // Three of them fill a turn: nobody is passed over.
      expect(stream.turns.slice(1).map(({ length }) => length)).toEqual([3, 3, 3, 3]);
      expect(says('a', 'b', 'c', 'd')).toEqual([131, 131, 131, 131]);
    });

    it('says nothing while the network takes nothing, and goes on when it does', () => {
      stream.hasRoom = false;
      const a = new Talker('a', 1);
      link.add(a);
      clock.runImmediates();
      a.left = 5;
      link.wake(a);
      clock.advance(2_000 - 1);
      stream.says(dataMessage({ type: MessageType.HEARTBEAT }));
      expect(stream.sent).toHaveLength(1);
      stream.takesMore();
      clock.runImmediates();
      expect(says('a')).toEqual([6]);
    });

    it('gives each session what is for it, and nobody what is for nobody', () => {
      const a = new Talker('a', 0);
      link.add(a);
      stream.says(
        dataMessage({ sessionId: 'a', sequence: 1 }),
        dataMessage({ sessionId: 'b', sequence: 1 }),
        controlMessage({ action: 'unknown', field: 99 }),
        controlMessage({ action: 'throttle', retryAfterMs: 5, scope: 'connection', reason: '' }),
        dataMessage({ type: 77 }),
      );
      expect(a.received.map(({ sequence }) => sequence)).toEqual([1]);
      link.remove(a);
      stream.says(dataMessage({ sessionId: 'a', sequence: 2 }));
      expect(a.received).toHaveLength(1);
      expect(told).toEqual([]);
    });

    it('asks a session that was taken off nothing any more', () => {
      const a = new Talker('a', 10);
      link.add(a);
      link.remove(a);
      clock.runImmediates();
      expect(stream.turns).toEqual([]);
    });

    it('answers a probe in the same turn, before all else, and of a flood the last', () => {
      link.add(new Talker('a', 2));
      const probe = (sequence: number): DataMessage =>
        dataMessage({ type: MessageType.HEALTH_CHECK, sequence, timestampMs: 7, sessionId: 'x' });
      stream.says(...Array.from({ length: 1_000 }, (_, i) => probe(i + 1)));
      clock.runImmediates();
      expect(stream.turns[0]?.map(({ type }) => type)).toEqual([MessageType.HEALTH_CHECK, 1, 1]);
      expect(stream.sent[0]).toMatchObject({ sequence: 1_000, ack: 1_000, timestampMs: 7, sessionId: 'x' });
    });

    it('sends a heartbeat in each interval in which it has said nothing else', () => {
      const sentAt: number[] = [];
      const begin = clock.now();
      for (let ms = 0; ms < 5_000; ms += 10) {
        const before = stream.turns.length;
        clock.advance(10);
        stream.says(dataMessage({ type: MessageType.HEARTBEAT }));
        if (stream.turns.length > before) sentAt.push(clock.now() - begin);
      }
      expect(stream.sent.every(({ type }) => type === MessageType.HEARTBEAT)).toBe(true);
      const gaps = sentAt.map((at, i) => at - (sentAt[i - 1] ?? 0));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(1_000);
      expect(Math.min(...gaps.slice(1))).toBeGreaterThanOrEqual(750);
    });

    it('asks a silent gateway once, and gives it up after two intervals', () => {
      clock.advance(1_999);
      const probes = stream.sent.filter(({ type }) => type === MessageType.HEALTH_CHECK);
      expect(probes).toHaveLength(1);
      expect(probes[0]).toMatchObject({ ack: 0 });
      expect(told).toEqual([]);
      clock.advance(251);
      expect(told).toEqual(['ended CONNECTION_LOST']);
      expect(ended).toMatchObject({ retry: 'now' });
      expect(stream.isCancelled).toBe(true);
    });

    it('is kept alive by a gateway that only answers its probes', () => {
      for (let ms = 0; ms < 20_000; ms += 10) {
        const before = stream.turns.length;
        clock.advance(10);
        for (const message of stream.turns.slice(before).flat()) {
          if (message.type === MessageType.HEALTH_CHECK) stream.says({ ...message, ack: message.sequence });
        }
      }
      expect(told).toEqual([]);
    });

    it('measures a round trip', async () => {
      const ping = link.ping();
      clock.runImmediates();
      clock.advance(120);
      const [probe] = stream.sent.filter(({ type }) => type === MessageType.HEALTH_CHECK);
      stream.says({ ...probe!, ack: probe!.sequence + 1 }, { ...probe!, ack: probe!.sequence });
      expect(await ping.answered).toBe(120);
    });

    it('asks no more for whoever gave up while nothing could be written', () => {
      stream.hasRoom = false;
      link.add(new Talker('a', 1));
      clock.runImmediates();
      for (let i = 0; i < 3; i += 1) link.ping().forget();
      const ping = link.ping();
      ping.answered.catch(() => undefined);
      stream.takesMore();
      clock.runImmediates();
      expect(stream.sent.filter(({ type }) => type === MessageType.HEALTH_CHECK)).toHaveLength(1);
      ping.forget();
    });

    it('tells whoever measures that the connection is gone', async () => {
      const ping = link.ping();
      stream.ends();
      await expect(ping.answered).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    });

    it('tells of drains, once each, of the token, and of its renewal', () => {
      stream.drains('connection: too old');
      stream.drains('connection: too old');
      expect(link.draining).toBe('connection');
      stream.says(controlMessage({ action: 'throttle', retryAfterMs: 60_000, scope: 'token', reason: '' }));
      link.authenticate('t1');
      link.authenticate('t2');
      clock.runImmediates();
      expect(stream.sent.map(({ control }) => control)).toEqual([{ action: 'authenticate', token: 't2' }]);
      stream.welcomes();
      stream.says(
        controlMessage({
          action: 'error',
          code: 'AUTH_UNAVAILABLE',
          message: '',
          sequence: 0,
          retryAfterMs: 0,
        }),
      );
      expect(told).toEqual([
        'drains connection 1000',
        'tokenExpires 60000',
        'tokenTaken',
        'tokenUnjudged AUTH_UNAVAILABLE',
      ]);
    });

    it('leaves in good order: half-closes, says no more, and waits for the end, not for ever', () => {
      link.leave();
      link.leave();
      expect(stream.isHalfClosed).toBe(true);
      clock.advance(2_000);
      expect(stream.sent).toEqual([]);
      stream.ends({ status: 0, message: '' });
      expect(told).toEqual(['ended in good order']);
    });

    it('cancels a connection that does not end though it was left', () => {
      link.leave();
      clock.advance(5_000);
      expect(told).toEqual(['ended in good order']);
      expect(stream.isCancelled).toBe(true);
    });

    it('handles nothing behind its end', () => {
      const a = new Talker('a', 0);
      link.add(a);
      a.receive = (message) => {
        a.received.push(message);
        link.giveUp(new ClientError('PROTOCOL_VIOLATION', 'bad'));
      };
      const message = dataMessage({ sessionId: 'a' });
      stream.says(message, message, controlMessage({ action: 'drain', deadlineMs: 1, reason: 'connection' }));
      expect(a.received).toHaveLength(1);
      stream.ends();
      expect(told).toEqual(['ended PROTOCOL_VIOLATION']);
    });
  });
});
