import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Clock } from '../../core/clock.js';
import { errorText } from '../../core/error-text.js';
import { GrpcStatus } from '../../core/errors.js';
import type { CallEnd } from '../client-contract.js';
import { endOfTrailers, endWithoutStatus, isGrpc } from './channel-status.js';
import type { ChannelTerms } from './channel-terms.js';

/** More than this on its way makes a sender wait … */
const HIGH_WATER_BYTES = 128 * 1024;
/** … until it is no more than this. */
const LOW_WATER_BYTES = 32 * 1024;

/** What a call calls; never from within a call made to it. */
export interface ChannelCallEvents {
  /** Bytes of the answer, in order. Returns how the call ends where they can't be read. */
  onChunk(chunk: Buffer): CallEnd | undefined;
  onWritable(): void;
  /** As of `CallEvents`. */
  onLeaving?(): void;
  onEnd(end: CallEnd): void;
}

/** The connection a call is on. */
export interface CallHost {
  readonly address: string;
  readonly terms: ChannelTerms;
  /** Whether the connection is gone. */
  readonly isLost: boolean;
  /** The call is over and has let go of its HTTP/2 stream. */
  release(call: ChannelCall, end: CallEnd): void;
}

/**
 * - `waiting`: its connection is being made
 * - `open`: on its HTTP/2 stream
 * - `ending`: its end is known and told in a later turn; nothing else is told
 * - `over`
 */
type State = 'waiting' | 'open' | 'ending' | 'over';

/** One gRPC call: frames out, bytes in, and how it ended. */
export class ChannelCall {
  readonly #headers: OutgoingHttpHeaders;
  readonly #clock: Clock;
  readonly #events: ChannelCallEvents;
  #state: State = 'waiting';
  #host: CallHost | undefined;
  #http2: ClientHttp2Stream | undefined;
  /** What was sent before there was a stream to send it on. */
  #early: Buffer[] = [];
  #unsentBytes = 0;
  /** The last `write` returned false, and nobody has been told of room since. */
  #awaited = false;
  #halfClosed = false;
  #paused = false;
  #response: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;

  constructor(headers: OutgoingHttpHeaders, clock: Clock, events: ChannelCallEvents) {
    this.#headers = headers;
    this.#clock = clock;
    this.#events = events;
  }

  /** The connection it waits for, or is on. */
  set host(host: CallHost) {
    this.#host = host;
  }

  /** Begins on a connection that is ready. False: the connection takes no call any more, and the call still waits. */
  begin(session: ClientHttp2Session): boolean {
    let http2: ClientHttp2Stream;
    try {
      http2 = session.request(this.#headers);
    } catch (error) {
      if (session.closed || session.destroyed) return false;
      this.endSoon({
        status: GrpcStatus.INTERNAL,
        message: `The call can not be made: ${errorText(error)}.`,
      });
      return true;
    }
    this.#http2 = http2;
    this.#state = 'open';
    http2.on('response', this.#onResponse);
    http2.on('trailers', this.#onTrailers);
    http2.on('data', this.#onData);
    http2.on('end', this.#onHttp2End);
    http2.on('close', this.#onEnd);
    // Every error is followed by 'close', which is what we act on.
    http2.on('error', () => undefined);
    if (this.#paused) http2.pause();
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) this.#writeTo(http2, chunk);
    if (this.#halfClosed) http2.end();
    return true;
  }

  write(chunk: Buffer): boolean {
    if (this.#halfClosed || (this.#state !== 'waiting' && this.#state !== 'open')) return false;
    this.#unsentBytes += chunk.length;
    if (this.#http2 === undefined) this.#early.push(chunk);
    else this.#writeTo(this.#http2, chunk);
    this.#awaited = this.#unsentBytes > HIGH_WATER_BYTES;
    return !this.#awaited;
  }

  halfClose(): void {
    if (this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#state === 'open') this.#http2?.end();
  }

  pause(): void {
    this.#paused = true;
    this.#http2?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#http2?.resume();
  }

  cancel(): void {
    this.endSoon({ status: GrpcStatus.CANCELLED, message: 'The call was cancelled.' });
  }

  /** Its connection takes no new calls. */
  leaving(): void {
    if (this.#state === 'open') this.#events.onLeaving?.();
  }

  /** Gives it up: RST_STREAM now, `onEnd` in a later turn. The first end wins. */
  endSoon(end: CallEnd): void {
    if (this.#state === 'ending' || this.#state === 'over') return;
    this.#state = 'ending';
    this.#http2?.close(constants.NGHTTP2_CANCEL);
    this.#letGo(end);
    this.#clock.setImmediate(() => {
      this.#tell(end);
    });
  }

  readonly #onResponse = (headers: IncomingHttpHeaders): void => {
    this.#response = headers;
    if (headers['grpc-status'] !== undefined) this.#trailers = headers;
  };

  readonly #onTrailers = (headers: IncomingHttpHeaders): void => {
    this.#trailers = headers;
  };

  readonly #onData = (chunk: Buffer): void => {
    // What is no gRPC is only waited out for its status.
    if (this.#state !== 'open' || this.#response === undefined || !isGrpc(this.#response)) return;
    const end = this.#events.onChunk(chunk);
    if (end !== undefined) this.endSoon(end);
  };

  /** Trailers have come before the end of what is read; without them a reset may follow that says more. */
  readonly #onHttp2End = (): void => {
    if (this.#trailers !== undefined) this.#onEnd();
    else this.#clock.setImmediate(this.#onEnd);
  };

  #writeTo(http2: ClientHttp2Stream, chunk: Buffer): void {
    http2.write(chunk, () => {
      this.#unsentBytes -= chunk.length;
      if (!this.#awaited || this.#state !== 'open' || this.#unsentBytes > LOW_WATER_BYTES) return;
      this.#awaited = false;
      this.#events.onWritable();
    });
  }

  /** The other side has ended it, or the connection is gone. */
  readonly #onEnd = (): void => {
    const http2 = this.#http2;
    if (this.#state !== 'open' || http2 === undefined) return;
    this.#state = 'ending';
    const address = this.#host?.address ?? '';
    const told = this.#trailers === undefined ? undefined : endOfTrailers(this.#trailers);
    const end =
      told ??
      endWithoutStatus(
        address,
        {
          headers: this.#response,
          rstCode: http2.rstCode,
          lost: this.#host?.isLost ?? true,
        },
        this.#host?.terms,
      );
    // After the status nothing we send is read: what still waits is dropped.
    if (!http2.closed && !this.#halfClosed) {
      if (this.#unsentBytes === 0) http2.end();
      else http2.close(constants.NGHTTP2_CANCEL);
    }
    this.#letGo(end);
    this.#tell(end);
  };

  #letGo(end: CallEnd): void {
    this.#early = [];
    this.#host?.release(this, end);
  }

  #tell(end: CallEnd): void {
    this.#state = 'over';
    this.#events.onEnd(end);
  }
}
