import type { SluiceError } from '../core/errors.js';
import type { ProxiedReceiver, ProxiedStream } from '../transport/proxy-contract.js';
import { endOf } from './call-ends.js';

/** Ends a call that was not let in, and takes what still comes of it. */
export function refuseCall(stream: ProxiedStream, error: SluiceError): ProxiedReceiver {
  stream.end(endOf(error));
  return REFUSED;
}

const REFUSED: ProxiedReceiver = {
  onChunk() {
    // None come: it is paused.
  },
  onHalfClose() {
    // The status is on its way.
  },
  onWritten() {
    // Nothing was sent but the status.
  },
  onHeld() {
    // It goes with the stream.
  },
  onClose() {
    // Nothing was kept.
  },
};
