import type { Http2Session } from 'node:http2';

/** When each connection whose age has a limit is to be left, in Clock.now(). */
const deadlines = new WeakMap<Http2Session, number>();

/** Notes when the connection is to be left, for its streams to learn. */
export function setConnectionDeadline(session: Http2Session, at: number): void {
  deadlines.set(session, at);
}

/** When the connection below a stream is to be left; undefined where it may stay. */
export function connectionDeadlineOf(session: Http2Session | undefined): number | undefined {
  return session === undefined ? undefined : deadlines.get(session);
}
