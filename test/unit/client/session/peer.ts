import type { AttachedSession, SessionHost } from '../../../../src/client/attached-session.js';
import type { ClientError } from '../../../../src/client/client-error.js';
import { type CreatedSession, createSession } from '../../../../src/client/session/create-session.js';
import type { Interceptor } from '../../../../src/client/interceptor.js';
import type { OpenOptions } from '../../../../src/client/options.js';
import type { Session } from '../../../../src/client/session/session.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import {
  type Control,
  controlMessage,
  type DataMessage,
  dataMessage,
  MessageType,
  type Open,
  type Opened,
  type Welcome,
} from '../../../../src/wire/messages.js';

export const SESSION_ID = 's';

const WELCOME: Welcome = {
  action: 'welcome',
  connectionId: 'c1',
  clientId: 'ann',
  nodeId: 'n1',
  heartbeatIntervalMs: 20_000,
  maxMessageBytes: 5 << 20,
  maxSessions: 128,
  resumeWindowMs: 120_000,
  protocolVersion: 1,
};

/** A gateway that says what a test tells it to, and the client around one session. */
export class Peer implements SessionHost {
  readonly clock = new FakeClock();
  readonly session: Session;
  readonly attached: AttachedSession;
  readonly whenOpened: Promise<void>;
  readonly reopens: { error: ClientError; elsewhere: boolean }[] = [];
  readonly openings: boolean[] = [];
  wakes = 0;
  overs = 0;
  /** The token and attempt of the last Open. */
  open: Open | undefined;

  constructor(options: OpenOptions = {}, interceptors: readonly Interceptor[] = []) {
    const created: CreatedSession = createSession('echo', { id: SESSION_ID, ...options }, interceptors, this);
    this.session = created.session;
    this.attached = created.attached;
    this.whenOpened = created.opened;
  }

  // --- what a session asks of its host ---

  wake(): void {
    this.wakes += 1;
  }

  opened(_session: AttachedSession, resumed: boolean): void {
    this.openings.push(resumed);
  }

  over(): void {
    this.overs += 1;
  }

  reopen(_session: AttachedSession, error: ClientError, elsewhere: boolean): void {
    this.reopens.push({ error, elsewhere });
  }

  // --- the gateway ---

  attach(welcome: Partial<Welcome> = {}): this {
    this.attached.attach({ ...WELCOME, ...welcome });
    return this;
  }

  /** What the session writes now, as short words. */
  reads(): string[] {
    return this.written().map(brief);
  }

  written(): DataMessage[] {
    const messages: DataMessage[] = [];
    for (let next = this.attached.next(); next !== undefined; next = this.attached.next()) {
      messages.push(next);
      if (next.control?.action === 'open') this.open = next.control;
    }
    return messages;
  }

  /** Attaches it and answers its Open. */
  opens(answer: Partial<Opened> & { ack?: number } = {}, welcome: Partial<Welcome> = {}): this {
    this.attach(welcome);
    this.written();
    return this.answers(answer);
  }

  /** Answers its Open. */
  answers(answer: Partial<Opened> & { ack?: number } = {}): this {
    return this.says(
      {
        action: 'opened',
        resumed: this.open?.resume === true,
        resumeToken: this.open?.resumeToken ?? new Uint8Array(0),
        lastReceivedSequence: 0,
        windowMessages: 256,
        windowBytes: 1 << 20,
        ...answer,
      },
      answer.ack,
    );
  }

  says(control: Control, ack = 0): this {
    this.attached.receive({ ...controlMessage(control, SESSION_ID), ack });
    return this;
  }

  closes(code = '', more: { retry?: number; retryAfterMs?: number; ack?: number } = {}): this {
    return this.says(
      { action: 'closed', code, reason: '', retry: more.retry ?? 0, retryAfterMs: more.retryAfterMs ?? 0 },
      more.ack,
    );
  }

  /** Opened without a token. */
  forgets(): this {
    return this.says({
      action: 'opened',
      resumed: false,
      resumeToken: new Uint8Array(0),
      lastReceivedSequence: 0,
      windowMessages: 0,
      windowBytes: 0,
    });
  }

  acks(ack: number): this {
    this.attached.receive(dataMessage({ type: MessageType.ACK, sessionId: SESSION_ID, ack }));
    return this;
  }

  data(sequence: number, text = `${sequence}`, fields: Partial<DataMessage> = {}): this {
    this.attached.receive(
      dataMessage({ ...fields, sessionId: SESSION_ID, sequence, data: Buffer.from(text) }),
    );
    return this;
  }

  fails(sequence: number, code = 'ROUTE_FAILED'): this {
    return this.says({ action: 'error', code, message: `no ${sequence}`, sequence, retryAfterMs: 0 });
  }

  gap(fromSequence: number, toSequence: number, reason = 'overflow'): this {
    return this.says({ action: 'gap', fromSequence, toSequence, reason });
  }
}

function brief(message: DataMessage): string {
  const { control, type, sequence, ack, data, more } = message;
  const acked = ack > 0 ? ` ack ${ack}` : '';
  if (type === MessageType.ACK) return `ACK ${ack}`;
  if (control?.action === 'open') {
    return `OPEN ${control.attempt}${control.resume ? ` resume at ${control.lastReceivedSequence}` : ''}`;
  }
  if (control !== undefined) return `${control.action.toUpperCase()}${acked}`;
  return `${sequence}:${Buffer.from(data).toString()}${more ? '+' : ''}${acked}`;
}

/** What became of a promise so far, once all that can settle has. */
export async function fateOf(promise: Promise<unknown>): Promise<string> {
  let fate = 'pending';
  promise.then(
    () => (fate = 'resolved'),
    (error: unknown) => {
      fate = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    },
  );
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
  return fate;
}
