import { GrpcStatus } from '../../core/grpc-status.js';
import type { WireError } from '../../wire/messages.js';
import type { CallEnd } from '../client-contract.js';

/** `CODE: sentence`, with what the catalogue's code asks for; cut to what a close frame holds. */
const REASON = /^([A-Z][A-Z0-9_]+)(?: \(retry after (\d{1,10}) ms\))?: ?(.*)$/s;

/** Going away, restarting, trying again later (RFC 6455, section 7.4.1, and its registry). */
const UNAVAILABLE: readonly number[] = [1001, 1012, 1013];
const NORMAL = 1000;
/** No close frame came. */
const ABNORMAL = 1006;

/** How an open WebSocket's close ends its call; `told` is the Error that came right before it. */
export function endOfClose(
  { code, reason }: { readonly code: number; readonly reason: string },
  address: string,
  told: WireError | undefined,
): CallEnd {
  if (code === NORMAL) return { status: GrpcStatus.OK, message: '' };
  if (code === ABNORMAL) return lost(address);
  const status = UNAVAILABLE.includes(code) ? GrpcStatus.UNAVAILABLE : GrpcStatus.UNKNOWN;
  const [, named, retryAfter, sentence = ''] = REASON.exec(reason) ?? [];
  if (named === undefined) {
    const said = reason === '' ? '' : `: ${reason}`;
    return { status, message: `The WebSocket was closed with code ${code}${said}` };
  }
  const retryAfterMs = told?.code === named ? told.retryAfterMs : Number(retryAfter ?? 0);
  return {
    // Who has the code asks for no status, but for whether the gateway serves the call at all.
    status: named === 'UNKNOWN_METHOD' ? GrpcStatus.UNIMPLEMENTED : status,
    code: named,
    // A close frame has room for 123 bytes: the whole sentence came before it.
    message: told?.code === named ? told.message : sentence,
    ...(retryAfterMs > 0 && { retryAfterMs }),
  };
}

export function lost(address: string): CallEnd {
  return {
    status: GrpcStatus.UNAVAILABLE,
    message: `The connection to ${address} was lost.`,
    broken: true,
  };
}

/** `why`: what the platform says of it; a browser says nothing. */
export function unreachable(url: string, why: string): CallEnd {
  const said = why === '' ? 'the browser does not say why (its console may)' : why;
  return {
    status: GrpcStatus.UNAVAILABLE,
    message: `No WebSocket could be opened to ${url}: ${said}. Is a gateway there, and does it take this page's origin (edge.origins)?`,
    failure: 'unreachable',
  };
}
