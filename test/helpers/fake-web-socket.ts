/** The platform's WebSocket, whose other side and time the test plays by hand. */
import type { PlatformSocket } from '../../src/transport/websocket-client/platform-socket.js';
import { decodeMessage, encodeMessage, messageSize } from '../../src/wire/codec.js';
import type { DataMessage } from '../../src/wire/messages.js';

export class FakeWebSocket implements PlatformSocket {
  static readonly made: FakeWebSocket[] = [];
  /** What the next one throws. */
  static refusal: Error | undefined;

  readonly url: string;
  readonly protocols: readonly string[];
  binaryType = 'blob';
  protocol = '';
  bufferedAmount = 0;
  onopen: unknown = null;
  onmessage: unknown = null;
  onerror: unknown = null;
  onclose: unknown = null;
  readonly sent: Uint8Array[] = [];
  closedWith: number | undefined;

  constructor(url: string, protocols: string[]) {
    if (FakeWebSocket.refusal !== undefined) throw FakeWebSocket.refusal;
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.made.push(this);
  }

  static get last(): FakeWebSocket {
    const last = FakeWebSocket.made.at(-1);
    if (last === undefined) throw new Error('there is no WebSocket');
    return last;
  }

  get messages(): DataMessage[] {
    return this.sent.map((body) => decodeMessage(body, 0, body.length));
  }

  send(data: Uint8Array): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  // --- what the other side does ---

  opens(protocol = 'sluice.v1.proto'): void {
    this.protocol = protocol;
    (this.onopen as (() => void) | null)?.();
  }

  says(message: DataMessage): void {
    const body = new Uint8Array(messageSize(message));
    encodeMessage(message, body, 0);
    this.brings(body.buffer);
  }

  brings(data: unknown): void {
    (this.onmessage as ((event: object) => void) | null)?.({ data });
  }

  fails(message?: string): void {
    (this.onerror as ((event: object) => void) | null)?.({ message });
    this.closes(1006);
  }

  closes(code: number, reason = ''): void {
    (this.onclose as ((event: object) => void) | null)?.({ code, reason });
  }
}
