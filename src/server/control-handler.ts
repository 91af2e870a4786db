import { assertNever } from '../core/assert-never.js';
import { SluiceError } from '../core/errors.js';
import type { ClientConnection } from '../pool/client-connection.js';
import { dataMessage, MessageType, type DataMessage, type Open } from '../wire/messages.js';
import type { ConnectionSessions } from './connection-sessions.js';

/** What the control handler needs of its connection's supervisor. */
export interface ControlHost {
  readonly connection: ClientConnection;
  readonly sessions: ConnectionSessions;
  /** An Open, which may decide what kind of connection this is. */
  onOpen(sessionId: string, open: Open): void;
  notify(message: DataMessage): void;
  refuse(sessionId: string, error: SluiceError): void;
  /** A fresh token. */
  authenticate(token: string): void;
  wake(): void;
}

/** What a client may say beside data: of the connection here, of a session to the sessions. */
export class ControlHandler {
  readonly #host: ControlHost;

  constructor(host: ControlHost) {
    this.#host = host;
  }

  handle(message: DataMessage): void {
    const { control, sessionId } = message;
    if (control === undefined) {
      this.#refuse(sessionId, 'a CONTROL message without an action');
      return;
    }
    switch (control.action) {
      case 'pause':
        this.#pause(sessionId);
        return;
      case 'resume':
        this.#resume(sessionId);
        return;
      case 'close':
        this.#host.sessions.close(sessionId);
        return;
      case 'open':
        this.#host.onOpen(sessionId, control);
        return;
      case 'window':
        this.#host.sessions.changeWindow(sessionId, control);
        return;
      case 'authenticate':
        this.#host.authenticate(control.token);
        return;
      case 'unknown':
        this.#refuse(sessionId, `a CONTROL message with unknown action (field ${control.field})`);
        return;
      case 'welcome':
      case 'opened':
      case 'closed':
      case 'gap':
      case 'throttle':
      case 'drain':
      case 'error':
        this.#refuse(sessionId, `${control.action} is for the gateway to say, not for a client`);
        return;
      default:
        assertNever(control);
    }
  }

  /** Answers a probe of the client's at once, or notes the answer to one of ours. */
  onHealthCheck(message: DataMessage): void {
    const { openProbe } = this.#host.connection;
    const answersOurs =
      openProbe?.sequence === message.sequence && openProbe.timestampMs === message.timestampMs;
    // An answer is never answered; that it came is all that counts, and the receive loop has noted it.
    if (message.ack !== 0 || answersOurs) return;
    if (message.sequence === 0) {
      this.#refuse('', 'a HEALTH_CHECK with sequence 0: a probe has a random sequence of at least 1');
      return;
    }
    this.#host.notify(
      dataMessage({
        type: MessageType.HEALTH_CHECK,
        sessionId: message.sessionId,
        sequence: message.sequence,
        ack: message.sequence,
        timestampMs: message.timestampMs,
      }),
    );
  }

  #pause(sessionId: string): void {
    if (sessionId === '') this.#host.connection.sendQueue.pauseAll();
    else this.#host.sessions.pause(sessionId);
  }

  #resume(sessionId: string): void {
    if (sessionId === '') {
      this.#host.connection.sendQueue.resumeAll();
      this.#host.wake();
    } else this.#host.sessions.resume(sessionId);
  }

  #refuse(sessionId: string, explanation: string): void {
    this.#host.refuse(sessionId, new SluiceError('INVALID_MESSAGE', explanation));
  }
}
