import type { ClientError } from '../client-error.js';
import type { Reset } from '../options.js';
import type { OutgoingPayload } from './outgoing-payload.js';

/** Tells the application of a reset; whether it wants what is unsettled sent again. Throws what it throws. */
export function tellReset(
  onReset: (reset: Reset) => void,
  error: ClientError,
  unsettled: readonly OutgoingPayload[],
): boolean {
  const answer: { resend: boolean; isOver: boolean } = { resend: false, isOver: false };
  try {
    onReset({
      error,
      unsettled: unsettled.map((payload) => payload.toUnsettled()),
      resend: () => {
        if (answer.isOver) throw new Error('resend() has to be called within onReset');
        answer.resend = true;
      },
    });
  } finally {
    answer.isOver = true;
  }
  return answer.resend;
}
