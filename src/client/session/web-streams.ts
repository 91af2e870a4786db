import { type SinkOptions, SessionSink, type SinkSession } from './session-sink.js';
import type { Message, Payload } from '../message.js';

/** What can be read from. */
interface MessageSource {
  receive(options: { readonly signal: AbortSignal }): Promise<Message | undefined>;
}

/** Nothing is read ahead: a message is acknowledged when the stream's reader comes for more. */
const NOTHING_AHEAD = { highWaterMark: 0 };

/** A web stream of the bytes that the source receives. Cancelling it leaves the source as it is. */
export function webReadableOf(source: MessageSource): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const message = await source.receive({ signal: stop.signal });
          if (message === undefined) controller.close();
          else controller.enqueue(message.data);
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        }
      },
      cancel() {
        stop.abort();
      },
    },
    NOTHING_AHEAD,
  );
}

/** A web stream into the session; it has closed when the gateway has acknowledged everything. */
export function webWritableOf(session: SinkSession, options: SinkOptions = {}): WritableStream<Payload> {
  let fail: (error: unknown) => void = () => undefined;
  const sink = new SessionSink(session, options, (error) => {
    fail(error);
  });
  return new WritableStream<Payload>({
    start(controller) {
      fail = (error) => {
        controller.error(error);
      };
    },
    write: (chunk) => sink.write(chunk),
    close: () => sink.finish(),
    abort: () => {
      sink.abandon();
    },
  });
}
