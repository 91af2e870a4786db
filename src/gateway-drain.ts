import type { Clock, Timer } from './core/clock.js';
import type { Logger } from './core/logger.js';

/** What the last statuses have to leave the process, at the end of the grace time; of a short one a quarter. */
const FAREWELL_MS = 1_000;
/** How often a drain says what it still waits for. */
const REPORT_MS = 5_000;
/** How often the end looks whether the last socket has closed. */
const SOCKET_POLL_MS = 10;

export interface Draining {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly graceMs: number;
  /** Resolves when the last connection is gone. */
  readonly drained: Promise<unknown>;
  /** What is left, asked for when it is to be told. */
  readonly left: () => Left;
  /** Network connections that are left. */
  readonly sockets: () => number;
}

/** What a drain still waits for. */
export interface Left {
  readonly connections: number;
  /** Simple and opened ones, attached and detached. */
  readonly sessions: number;
  /** Those of them that wait for their client to come back. */
  readonly detached: number;
  /** Messages that no route has finished yet. */
  readonly upPending: number;
  /** Messages that no client has taken yet; acknowledged, in opened sessions. */
  readonly downPending: number;
  /** Calls passed on to services of other people; left out where nothing is. */
  readonly proxiedCalls?: number;
}

/** What clients are given of a grace time, so that all is over when it is. */
export function drainDeadlineMs(graceMs: number): number {
  return graceMs - Math.min(FAREWELL_MS, graceMs / 4);
}

/**
 * Waits until every connection has taken its leave and every socket has closed,
 * at most `graceMs`; says every few seconds what is left.
 */
export async function untilDrained(draining: Draining): Promise<void> {
  const { clock, logger, graceMs, drained, left } = draining;
  const stopTelling = tellNowAndThen(draining);
  let timer: Timer | undefined;
  const graceOver = new Promise<'cut'>((resolve) => {
    timer = clock.setTimeout(() => {
      resolve('cut');
    }, graceMs);
  });
  const outcome = await Promise.race([drained, graceOver]).finally(() => {
    timer?.cancel();
    stopTelling();
  });
  if (outcome === 'cut') {
    logger.warn(left(), 'the grace time is over: cutting what is left');
  } else {
    await untilSocketsClosed(draining);
  }
}

function tellNowAndThen({ clock, logger, left }: Draining): () => void {
  let timer: Timer | undefined;
  const arm = (): void => {
    timer = clock.setTimeout(() => {
      logger.info(left(), 'still draining');
      arm();
    }, REPORT_MS);
  };
  arm();
  return () => timer?.cancel();
}

/**
 * A stream is over for its server when its status is written, not when the
 * network has it: destroying the socket at once would take the status from the
 * client. Each socket closes by itself after its last stream.
 */
async function untilSocketsClosed({ clock, sockets }: Draining): Promise<void> {
  const deadline = clock.now() + FAREWELL_MS;
  while (sockets() > 0 && clock.now() < deadline) {
    await new Promise<void>((resolve) => {
      clock.setTimeout(resolve, SOCKET_POLL_MS);
    });
  }
}
