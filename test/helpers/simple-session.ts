/** A session of a simple connection without the connection. */
import { FlowCounters } from '../../src/core/counters.js';
import type { SluiceError } from '../../src/core/errors.js';
import { Quota } from '../../src/flow/quota.js';
import type { Route } from '../../src/session/route.js';
import { SimpleSession, type SimpleSessionPort } from '../../src/session/simple-session.js';
import { FROM_NOW_ON } from '../../src/session/topic-route.js';
import { dataMessage, type Control, type DataMessage } from '../../src/wire/messages.js';
import { anonymousIdentity } from './anonymous-identity.js';

/** A connection's side that notes what the session asks of it. */
class FakePort implements SimpleSessionPort {
  readonly connectionId = 'c1';
  readonly peer = '192.0.2.1:1234';
  readonly unsent = 0;
  readonly receiveQuota = new Quota(4, 1_000);
  answersBlocked = false;
  readonly sent: DataMessage[] = [];
  readonly failures: unknown[] = [];
  readonly faults: unknown[] = [];
  readonly drainedWith: string[] = [];
  handledTimes = 0;
  time = 0;

  now(): number {
    return this.time;
  }
  stampMs(): number {
    return 1_700_000_000_000;
  }
  readonly answers: Control[] = [];

  answer(control: Control): void {
    this.answers.push(control);
  }
  send(_session: SimpleSession, message: DataMessage): undefined {
    this.sent.push(message);
  }
  routeFailed(_session: SimpleSession, _message: DataMessage, error: unknown): void {
    this.failures.push(error);
  }
  handled(): void {
    this.handledTimes += 1;
  }
  drained(_session: SimpleSession, reason: string): void {
    this.drainedWith.push(reason);
  }
  expel(session: SimpleSession, reason: 'session-expired', error: SluiceError): void {
    session.close(reason, error);
  }
  fault(_session: SimpleSession, error: unknown): void {
    this.faults.push(error);
  }
  observeProcessing(): void {
    // Not looked at here.
  }
}

export function simpleSession(route: Route) {
  const port = new FakePort();
  const totalUp = new FlowCounters();
  const session = new SimpleSession({
    identity: anonymousIdentity('ann'),
    sessionId: 's:1',
    subject: '',
    start: FROM_NOW_ON,
    overflow: 'block',
    routeName: 'test',
    route,
    port,
    recent: { maxMessages: 3, maxBytes: 20 },
    totalUp,
  });
  const deliver = (text: string): void => {
    const message = dataMessage({ sessionId: 's:1', data: new TextEncoder().encode(text) });
    session.deliver(message, port.time);
  };
  return { port, session, deliver, totalUp };
}
