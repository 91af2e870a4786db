import type { Duplex } from 'node:stream';
import { SluiceError } from '../core/errors.js';
import { quoted } from '../core/printable.js';
import type { OriginPolicy } from './origin-policy.js';
import { rawAnswer } from './raw-answer.js';
import { Refusal } from './refusal.js';
import { requestOrigin } from './request-origin.js';
import type { Upgrade, UpgradeHandler } from './upgrade-handler.js';

/** Gives a request to speak something else to who serves such; every other is answered here. */
export function answerUpgrade(
  upgrade: Upgrade,
  policy: OriginPolicy,
  handler: UpgradeHandler | undefined,
  onRefused?: (error: SluiceError, peer: string) => void,
): void {
  const { request, socket, peer } = upgrade;
  const refused = policy.refusal(requestOrigin(request));
  if (refused !== undefined) {
    onRefused?.(refused, peer);
    refuseUpgrade(socket, new Refusal(refused));
    return;
  }
  if (handler?.upgrade(upgrade) === true) return;
  const path = request.url?.split('?', 1)[0] ?? '';
  const off = handler === undefined ? ': there are no WebSockets here (edge.webSocket.enabled)' : '';
  const error = new SluiceError('UNKNOWN_METHOD', `nothing is upgraded at ${quoted(path)}${off}`);
  refuseUpgrade(socket, new Refusal(error));
}

/** An answer of HTTP to a request whose socket is ours already. */
function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  socket.end(rawAnswer(refusal), () => {
    socket.destroy();
  });
}
