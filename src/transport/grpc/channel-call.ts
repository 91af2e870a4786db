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
import { Http2Inlet } from './http2-inlet.js';
import { Http2Outlet } from './http2-outlet.js';
import { grpcTimeout } from './relayed-headers.js';

/** More than this on its way makes a sender wait … */
const HIGH_WATER_BYTES = 128 * 1024;
/** … until it is no more than this. */
const LOW_WATER_BYTES = 32 * 1024;

/** What a call's end comes with, beside what it means. */
export interface EndFacts {
  /** Raw, the trailers or the headers of an answer that is a status alone; undefined where there was no status. */
  readonly trailers: readonly string[] | undefined;
  /** No application has had anything of the call (gRFC A6, "Transparent Retries"). */
  readonly unprocessed: boolean;
}

/** What a call calls; never from within a call made to it. */
export interface ChannelCallEvents {
  /** What the other side ends it with is its application's word, and says nothing of the connection. */
  readonly isRelayed?: boolean;
  /** It is on its connection. */
  onOpen?(): void;
  /** The raw headers of a gRPC answer that is more than a status. */
  onHeaders?(raw: readonly string[]): void;
  /** Bytes of the answer, in order. Returns how the call ends where they can't be read. */
  onChunk(chunk: Uint8Array): CallEnd | undefined;
  /** There is room again, after `write` returned false. */
  onWritable?(): void;
  /** `bytesInFlight` has fallen. */
  onWritten?(): void;
  /** `bytesHeld` has risen. */
  onHeld?(): void;
  /** As of `CallEvents`. */
  onLeaving?(): void;
  onEnd(end: CallEnd, facts: EndFacts): void;
}

/** The connection a call is on. */
export interface CallHost {
  readonly address: string;
  readonly terms: ChannelTerms;
  /** Whether the connection is gone. */
  readonly isLost: boolean;
  /** Whether the other side said, as it left, that it had not looked at this HTTP/2 stream. */
  hasRefused(streamId: number | undefined): boolean;
  /** A relayed call was reset, as often as its clients like. */
  countReset(): void;
  /** The call is over and has let go of its HTTP/2 stream. `takesNoMore`: so is the connection, for new ones. */
  release(call: ChannelCall, takesNoMore: boolean): void;
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
  readonly #deadlineAtMs: number | undefined;
  #state: State = 'waiting';
  #host: CallHost | undefined;
  #http2: ClientHttp2Stream | undefined;
  #inlet: Http2Inlet | undefined;
  #outlet: Http2Outlet | undefined;
  /** What was sent before there was a stream to send it on. */
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  /** The last `write` returned false, and nobody has been told of room since. */
  #awaited = false;
  #halfClosed = false;
  #paused = false;
  #response: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  #rawTrailers: readonly string[] | undefined;
  /** The status came in headers that were not the end of the stream. */
  #early = false;

  /** `deadlineAtMs`, in Clock.now(), is told to the other side; whoever gave it ends the call by then. */
  constructor(headers: OutgoingHttpHeaders, clock: Clock, events: ChannelCallEvents, deadlineAtMs?: number) {
    this.#headers = headers;
    this.#clock = clock;
    this.#events = events;
    this.#deadlineAtMs = deadlineAtMs;
  }

  /** Bytes given to `write` that the network has not taken yet. */
  get bytesInFlight(): number {
    return this.#outlet?.bytesInFlight ?? this.#unsentBytes;
  }

  /** Bytes that have come and wait for `resume`. */
  get bytesHeld(): number {
    return this.#inlet?.heldBytes ?? 0;
  }

  /** The connection it waits for, or is on. */
  set host(host: CallHost) {
    this.#host = host;
  }

  /** Begins on a connection that is ready. False: the connection takes no call any more, and the call still waits. */
  begin(session: ClientHttp2Session): boolean {
    let http2: ClientHttp2Stream;
    try {
      http2 = session.request(this.#headersNow);
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
    http2.on('close', this.#onHttp2Close);
    // Every error is followed by 'close', which is what we act on.
    http2.on('error', () => undefined);
    this.#inlet = new Http2Inlet(http2, this.#inletEvents);
    this.#outlet = new Http2Outlet(http2, this.#onWritten);
    if (!this.#paused) this.#inlet.resume();
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const chunk of unsent) this.#outlet.send(chunk);
    if (this.#halfClosed) this.#outlet.end();
    const events = this.#events;
    if (events.onOpen !== undefined)
      queueMicrotask(() => {
        if (this.#state === 'open') events.onOpen?.();
      });
    return true;
  }

  /** It may have waited for its connection: of its deadline, what is left now. */
  get #headersNow(): OutgoingHttpHeaders {
    if (this.#deadlineAtMs === undefined) return this.#headers;
    return { ...this.#headers, 'grpc-timeout': grpcTimeout(this.#deadlineAtMs - this.#clock.now()) };
  }

  write(chunk: Buffer): boolean {
    if (this.#halfClosed || (this.#state !== 'waiting' && this.#state !== 'open')) return false;
    if (this.#outlet === undefined) {
      this.#unsent.push(chunk);
      this.#unsentBytes += chunk.length;
    } else this.#outlet.send(chunk);
    this.#awaited = this.bytesInFlight > HIGH_WATER_BYTES;
    return !this.#awaited;
  }

  halfClose(): void {
    if (this.#halfClosed) return;
    this.#halfClosed = true;
    if (this.#state === 'open') this.#outlet?.end();
  }

  pause(): void {
    this.#paused = true;
    this.#inlet?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#inlet?.resume();
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
    const facts = { trailers: undefined, unprocessed: this.#state === 'waiting' };
    this.#state = 'ending';
    this.#outlet?.clear();
    this.#inlet?.ignore();
    if (this.#http2 !== undefined) this.#reset(this.#http2);
    this.#letGo(isUnavailable(end));
    this.#clock.setImmediate(() => {
      this.#tell(end, facts);
    });
  }

  readonly #onResponse = (headers: IncomingHttpHeaders, flags: number, raw: readonly string[] = []): void => {
    this.#response = headers;
    if (headers['grpc-status'] === undefined) {
      this.#tellHeaders(raw);
      return;
    }
    this.#trailers = headers;
    this.#rawTrailers = raw;
    this.#early = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0;
  };

  readonly #onTrailers = (
    headers: IncomingHttpHeaders,
    _flags: number,
    raw: readonly string[] = [],
  ): void => {
    this.#answerGoesOn();
    this.#trailers = headers;
    this.#rawTrailers = raw;
  };

  /** A status with anything behind it was none: only an answer that is nothing else has it in its headers. */
  #answerGoesOn(): void {
    if (!this.#early) return;
    this.#early = false;
    const raw = this.#rawTrailers ?? [];
    this.#trailers = this.#rawTrailers = undefined;
    this.#tellHeaders(raw);
  }

  #tellHeaders(raw: readonly string[]): void {
    if (this.#state === 'open' && this.#response !== undefined && isGrpc(this.#response))
      this.#events.onHeaders?.(raw);
  }

  readonly #onChunk = (chunk: Uint8Array): void => {
    // What is no gRPC is only waited out for its status.
    if (this.#state !== 'open' || this.#response === undefined || !isGrpc(this.#response)) return;
    this.#answerGoesOn();
    const end = this.#events.onChunk(chunk);
    if (end !== undefined) this.endSoon(end);
  };

  /** Trailers have come before the end of what is read; without them a reset may follow that says more. */
  readonly #onHttp2End = (): void => {
    if (this.#trailers !== undefined) this.#onEnd();
    else this.#clock.setImmediate(this.#onEnd);
  };

  readonly #onHttp2Close = (): void => {
    // Once it has said how it ended, what has come and waits to be read is still read.
    if (this.#trailers !== undefined && this.bytesHeld > 0) this.#inlet?.finish();
    else this.#onEnd();
  };

  readonly #inletEvents = {
    onChunk: this.#onChunk,
    onEnd: this.#onHttp2End,
    onHeld: (): void => {
      if (this.#state === 'open') this.#events.onHeld?.();
    },
  };

  readonly #onWritten = (): void => {
    if (this.#state !== 'open') return;
    this.#events.onWritten?.();
    if (!this.#awaited || this.#isPastOpen || this.bytesInFlight > LOW_WATER_BYTES) return;
    this.#awaited = false;
    this.#events.onWritable?.();
  };

  /** Asked anew after somebody was called. */
  get #isPastOpen(): boolean {
    return this.#state !== 'open';
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
    const refused = http2.rstCode === constants.NGHTTP2_REFUSED_STREAM || this.#host?.hasRefused(http2.id);
    const facts = {
      trailers: told === undefined ? undefined : (this.#rawTrailers ?? []),
      unprocessed: told === undefined && this.#response === undefined && refused === true,
    };
    // After the status nothing we send is read: what still waits is dropped.
    if (!http2.closed) {
      if (this.bytesInFlight === 0) this.#outlet?.end();
      else this.#reset(http2);
    }
    this.#outlet?.clear();
    this.#letGo(isUnavailable(end) && (told === undefined || this.#events.isRelayed !== true));
    this.#tell(end, facts);
  };

  #reset(http2: ClientHttp2Stream): void {
    http2.close(constants.NGHTTP2_CANCEL);
    if (this.#events.isRelayed === true) this.#host?.countReset();
  }

  #letGo(takesNoMore: boolean): void {
    this.#unsent = [];
    this.#host?.release(this, takesNoMore);
  }

  #tell(end: CallEnd, facts: EndFacts): void {
    this.#state = 'over';
    this.#events.onEnd(end, facts);
  }
}

function isUnavailable({ status }: CallEnd): boolean {
  return status === GrpcStatus.UNAVAILABLE;
}
