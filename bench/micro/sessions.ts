/**
 * What a message costs the gateway between its transports, echoed: in a session
 * of a simple connection, and in an opened one (sequences, acks, windows,
 * replay buffer). No codec, no network: `npx tsx bench/micro/sessions.ts`.
 */
import { ByteAccount } from '../../src/flow/byte-account.js';
import { StreamMetrics } from '../../src/metrics/stream-metrics.js';
import { ConnectionPool } from '../../src/pool/connection-pool.js';
import { echoRoute } from '../../src/routes/echo.js';
import { StreamingServer } from '../../src/server/streaming-server.js';
import { SessionManager } from '../../src/session/session-manager.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { controlMessage, dataMessage, MessageType } from '../../src/wire/messages.js';
import { FakeStream, settings, windowedSettings } from '../../test/helpers/fake-stream.js';
import { openGate } from '../../test/helpers/open-gate.js';

const TURNS = 20_000;
const PER_TURN = 16;
const ROUNDS = 7;
const data = new Uint8Array(64 * 1024);

class Sink extends FakeStream {
  sequences = 0;
  override send(messages: readonly { readonly type: number }[]): void {
    for (const { type } of messages) if (type === MessageType.DATA) this.sequences += 1;
  }
}

function server() {
  const clock = new FakeClock();
  const metrics = new StreamMetrics();
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  return {
    clock,
    server: new StreamingServer({
      clock,
      gatekeeper: openGate,
      logger: quiet,
      nodeId: 'bench',
      pool: new ConnectionPool({ maxConnections: 10, maxConnectionsPerClient: 10, retryAfterMs: 0 }),
      sessions: new SessionManager({
        clock,
        maxPerConnection: 128,
        maxPerClient: 128,
        max: 128,
        idleTimeoutMs: 0,
        recent: { maxMessages: 4, maxBytes: 100 },
        retryAfterMs: 0,
        totalUp: metrics.up,
      }),
      counters: metrics,
      settings: { ...settings, sendBufferBytes: 1 << 20 },
      windowed: windowedSettings,
      account: new ByteAccount(1 << 30),
      routes: new Map([['echo', echoRoute()]]),
      defaultRoute: 'echo',
      interceptors: [],
    }),
  };
}

/** Nanoseconds a message, by CPU time. */
function run(windowed: boolean, bytes: number): number {
  const { clock, server: gateway } = server();
  const stream = new Sink();
  const receiver = gateway.accept(stream);
  if (windowed) {
    const control = {
      action: 'open',
      route: '',
      subject: '',
      resumeToken: new Uint8Array(16),
      lastReceivedSequence: 0,
      windowMessages: 0,
      windowBytes: 0,
      overflow: 0,
      history: 0,
      afterSequence: 0,
      resume: false,
      attempt: 1,
    } as const;
    receiver.onMessages([controlMessage(control, 's')]);
  }
  const began = process.cpuUsage();
  let sequence = 0;
  for (let turn = 0; turn < TURNS; turn += 1) {
    const ack = windowed ? stream.sequences : 0;
    const messages = Array.from({ length: PER_TURN }, (_, index) =>
      dataMessage({
        sessionId: 's',
        sequence: windowed ? (sequence += 1) : 0,
        ack,
        data: data.subarray(index * bytes, (index + 1) * bytes),
      }),
    );
    receiver.onMessages(messages);
    clock.runImmediates();
  }
  const { user, system } = process.cpuUsage(began);
  if (stream.sequences !== TURNS * PER_TURN) throw new Error(`${stream.sequences} came back`);
  gateway.destroy();
  return ((user + system) * 1_000) / (TURNS * PER_TURN);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;

for (const bytes of [16, 256, 4_096]) {
  run(true, bytes);
  run(false, bytes);
  const simple: number[] = [];
  const windowed: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    simple.push(run(false, bytes));
    windowed.push(run(true, bytes));
  }
  console.log(
    `${bytes} B: simple ${median(simple).toFixed(0)} ns, opened ${median(windowed).toFixed(0)} ns a message`,
  );
}
