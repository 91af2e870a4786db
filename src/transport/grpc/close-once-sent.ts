import {
  constants,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from 'node:http2';
import type { Clock, Timer } from '../../core/clock.js';

/** An answer goes out within a turn or two, unless the socket is stuck … */
const QUICK_LOOKS = 4;
/** … and then it is looked at this often. */
const LOOK_AGAIN_MS = 100;

/** Nor a date, which Node adds and clients of gRPC take for metadata; its types don't know the option. */
const WHOLE_ANSWER = { endStream: true, sendDate: false } as ServerStreamResponseOptions;

/**
 * Answers a call with headers alone and lets go of it, in the turn that
 * follows; `onAnswer` is called just before. One turn may read thousands of
 * requests from a connection, and HTTP/2 frees no stream before the next:
 * those answered at once would be gone before they count against the limit of
 * open streams, which keeps a flood of them from holding everybody else up.
 */
export function answerNextTurn(
  http2: ServerHttp2Stream,
  clock: Clock,
  headers: OutgoingHttpHeaders,
  onAnswer?: () => void,
): void {
  clock.setImmediate(() => {
    if (http2.closed || http2.destroyed) return;
    onAnswer?.();
    http2.respond(headers, WHOLE_ANSWER);
    closeOnceSent(http2, clock);
  });
}

/**
 * For a stream that has been answered: lets what still arrives flow away, and
 * tells a client that has not half-closed to stop sending (RST_STREAM with
 * NO_ERROR; RFC 9113, section 8.1), so that nothing of the call lingers. Only
 * once the answer is on its way: nghttp2 may drop headers and trailers that
 * still wait when their stream is reset.
 */
export function closeOnceSent(http2: ServerHttp2Stream, clock: Clock): void {
  http2.resume();
  // Nothing more can arrive: it closes by itself.
  if (http2.endAfterHeaders) return;
  let timer: Timer | undefined;
  let looks = 0;
  const look = (): void => {
    if (http2.closed || http2.destroyed || http2.readableEnded) return;
    looks += 1;
    if (http2.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_LOCAL) {
      http2.close(constants.NGHTTP2_NO_ERROR);
    } else if (looks < QUICK_LOOKS) {
      clock.setImmediate(look);
    } else {
      timer = clock.setTimeout(look, LOOK_AGAIN_MS);
    }
  };
  http2.once('close', () => {
    timer?.cancel();
  });
  clock.setImmediate(look);
}
