/** Somebody who tries token after token, as fast as the network takes them, and reads every answer. */
import { connect } from 'node:http2';
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { framedMessage } from './wire-client.js';
import { controlMessage } from '../../src/wire/messages.js';

export interface Attack {
  /** `host:port` of the gateway. */
  readonly address: string;
  /** The addresses it comes from, each with a network connection of its own. */
  readonly from: readonly string[];
  /** In all, shared between them. */
  readonly attempts: number;
  /** Streams of one network connection at once. */
  readonly outstanding: number;
  readonly token: (attempt: number) => string;
  /** Where a token is shown: in the metadata, or by an Authenticate. */
  readonly by: (attempt: number) => 'metadata' | 'authenticate';
}

/** How many ended with each reason of the catalogue; `none` where there was none. */
export async function attack(options: Attack): Promise<ReadonlyMap<string, number>> {
  const reasons = new Map<string, number>();
  let next = 0;
  await Promise.all(
    options.from.map(async (localAddress) => {
      const session = connect(`http://${options.address}`, { localAddress } as object);
      session.on('error', () => undefined);
      const closed = new Promise<void>((resolve) => session.once('close', resolve));
      const share = Math.ceil(options.attempts / options.from.length);
      const last = Math.min(options.attempts, next + share);
      const mine = Array.from({ length: last - next }, (_, n) => next + n);
      next = last;
      const one = async (): Promise<void> => {
        for (let n = mine.pop(); n !== undefined; n = mine.pop()) {
          const reason = await tryToken(session, options.token(n), options.by(n));
          reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: options.outstanding }, one));
      session.destroy();
      await closed;
    }),
  );
  return reasons;
}

/** One attempt; resolves to the reason it was refused with. */
function tryToken(
  session: ReturnType<typeof connect>,
  token: string,
  by: 'metadata' | 'authenticate',
): Promise<string> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/sluice.v1.StreamService/StreamData',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(by === 'metadata' ? { authorization: `Bearer ${token}` } : {}),
    });
    let reason = 'none';
    const note = (headers: Readonly<Record<string, unknown>>): void => {
      const details = headers['grpc-status-details-bin'];
      if (typeof details !== 'string') return;
      reason = decodeStatusDetails(Buffer.from(details, 'base64')).reason ?? 'none';
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', () => undefined);
    stream.on('close', () => {
      resolve(reason);
    });
    stream.resume();
    if (by === 'authenticate') stream.write(framedMessage(controlMessage({ action: 'authenticate', token })));
  });
}
