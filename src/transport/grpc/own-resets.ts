import { constants, type Http2Stream } from 'node:http2';

/** Streams that the gateway itself has reset: not to be held against their client. */
const ownResets = new WeakSet<Http2Stream>();

/** RST_STREAM(CANCEL), from our side. */
export function resetStream(stream: Http2Stream): void {
  ownResets.add(stream);
  stream.close(constants.NGHTTP2_CANCEL);
}

export function isOwnReset(stream: Http2Stream): boolean {
  return ownResets.has(stream);
}
