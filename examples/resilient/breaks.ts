/**
 * The ways in which clients break, each done to the gateway for real, with what the client gets and the line of the
 * gateway's log and the metric by which an operator sees it.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { LogLine } from '../kit/gateway-process.js';
import { MessageType } from '../../src/wire/messages.js';
import { BadClient } from './bad-client.js';

export interface Break {
  /** What the client does. */
  readonly what: string;
  /** The message of the line in the gateway's log, and its fields that tell. */
  readonly line: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The series that counts it. */
  readonly metric: string;
  /** Does it; resolves with what the client got. `id`: what the client calls itself. */
  run(address: string, id: string): Promise<Got>;
}

export interface Got {
  readonly got: string;
  /** Who the line of the log has to name, where not the client's ID: the address it came from. */
  readonly peer?: string;
}

/** Enough to fill what the gateway and the network hold for one client; Node.js' own client holds 10 MiB at most. */
const FLOOD_MESSAGES = 96;
const FLOOD_BYTES = 64 * 1024;

export const breaks: readonly Break[] = [
  {
    what: 'sends, and reads no answer',
    line: 'stream ended by the gateway',
    fields: { end: 'SLOW_CONSUMER' },
    metric: 'sluice_connections_ended_total{code="SLOW_CONSUMER"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.stopReading();
      for (let n = 0; n < FLOOD_MESSAGES; n += 1) {
        call.send({ sessionId: 'flood', data: Buffer.alloc(FLOOD_BYTES) });
      }
      return { got: await call.ended };
    },
  },
  {
    what: 'has a session, and is not heard from any more',
    line: 'stream ended by the gateway',
    fields: { end: 'RECEIVE_TIMEOUT' },
    metric: 'sluice_connections_ended_total{code="RECEIVE_TIMEOUT"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.open('s');
      return { got: await call.ended };
    },
  },
  {
    what: 'promised nothing, falls silent, and does not answer the probe',
    line: 'stream ended by the gateway',
    fields: { end: 'STALE' },
    metric: 'sluice_probes_failed_total',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.send({ sessionId: 's', data: Buffer.from('my last word') });
      return { got: await call.ended };
    },
  },
  {
    what: 'cuts its socket (TCP reset) in a session',
    line: 'streams broken off by the other side',
    fields: { code: 'LOST' },
    metric: 'sluice_connections_ended_total{code="LOST"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.open('s');
      await call.opened('s');
      client.socket.resetAndDestroy();
      await call.ended;
      return { got: 'nothing; its session waits for it' };
    },
  },
  {
    what: 'cancels the call',
    line: 'streams broken off by the other side',
    fields: { code: 'CANCELLED' },
    metric: 'sluice_connections_ended_total{code="CANCELLED"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.open('s');
      await call.opened('s');
      call.cancel();
      await call.ended;
      await client.roundTrip();
      return { got: 'nothing; its session waits for it' };
    },
  },
  {
    what: 'sends bytes that are no message',
    line: 'stream ended by the gateway',
    fields: { end: 'INVALID_MESSAGE' },
    metric: 'sluice_receive_errors_total{code="INVALID_MESSAGE"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.sendBytes(Buffer.alloc(64, 0xff));
      return { got: await call.ended };
    },
  },
  {
    what: 'speaks HTTP/1.1',
    line: 'a connection was refused',
    fields: {},
    metric: 'sluice_handshake_failures_total',
    async run(address) {
      const [host, port] = address.split(':') as [string, string];
      const socket = connect(Number(port), host);
      await once(socket, 'connect');
      const peer = `127.0.0.1:${socket.localPort}`;
      socket.on('error', () => undefined).resume();
      socket.write('GET / HTTP/1.1\r\nhost: gateway\r\n\r\n');
      await once(socket, 'close');
      return { got: 'a closed socket', peer };
    },
  },
  {
    what: 'sends a message of 6 MiB',
    line: 'stream ended by the gateway',
    fields: { end: 'MESSAGE_TOO_LARGE' },
    metric: 'sluice_receive_errors_total{code="MESSAGE_TOO_LARGE"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.send({ sessionId: 's', data: Buffer.alloc(6 * 1024 * 1024) });
      return { got: await call.ended };
    },
  },
  {
    what: 'opens a 17th stream',
    line: 'streams refused',
    fields: { code: 'CLIENT_LIMIT' },
    metric: 'sluice_connections_rejected_total{code="CLIENT_LIMIT"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      // At once: the first of them answers no probe while the last is waited for.
      const calls = Array.from({ length: 16 }, () => client.call());
      for (const [n, call] of calls.entries()) call.open(`s${n}`);
      await Promise.all(calls.map((call, n) => call.opened(`s${n}`)));
      return { got: await client.call().ended };
    },
  },
  {
    what: 'opens a 129th session on a stream',
    line: 'sessions refused',
    fields: { code: 'SESSION_LIMIT' },
    metric: 'sluice_receive_errors_total{code="SESSION_LIMIT"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      for (let n = 1; n <= 129; n += 1) call.open(`s${n}`);
      return { got: await call.closed('s129') };
    },
  },
  {
    what: 'leaves out a sequence: 1, 2, 4',
    line: 'opened sessions ended by the gateway',
    fields: { code: 'SEQUENCE_GAP' },
    metric: 'sluice_sessions_ended_total{code="SEQUENCE_GAP"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.open('s');
      for (const sequence of [1, 2, 4]) call.send({ sessionId: 's', sequence, data: Buffer.from('x') });
      return { got: await call.closed('s') };
    },
  },
  {
    what: 'asks for a route that there is not',
    line: 'sessions refused',
    fields: { code: 'UNKNOWN_ROUTE' },
    metric: 'sluice_receive_errors_total{code="UNKNOWN_ROUTE"}',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.open('s', 'ecko');
      return { got: await call.closed('s') };
    },
  },
  {
    what: 'floods with HTTP/2 pings',
    line: 'connection ended: too many pings',
    fields: {},
    metric: 'sluice_ping_floods_total',
    async run(address, id) {
      await using client = new BadClient(address, id);
      const call = client.call();
      call.send({ type: MessageType.HEARTBEAT });
      await once(client.http2, 'remoteSettings');
      // A socket that is gone has no port.
      const { peer } = client;
      const goaway = once(client.http2, 'goaway') as Promise<[number, number, Buffer]>;
      for (let n = 0; n < 10; n += 1) client.http2.ping(() => undefined);
      const [code, , why] = await goaway;
      return { got: `GOAWAY ${code}, "${why.toString()}"`, peer };
    },
  },
];

/** Whether this line of the log is the one that tells of it. */
export function tells({ line, fields }: Break, who: string, written: LogLine): boolean {
  if (written.msg !== line || (written['client'] !== who && written['peer'] !== who)) return false;
  return Object.entries(fields).every(([name, value]) => written[name] === value);
}
