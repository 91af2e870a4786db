/**
 * The load, a process of its own: thousands of clients, each with a connection and a session, who exchange numbered
 * messages with the route echo all the time. `crowd-process.ts` tells it how many there are to be.
 */
import { type Client, ClientError, connect, type Session } from '../../src/client/index.js';
import { Cable } from '../kit/cable.js';

/** What the crowd is asked to do. */
export type CrowdOrder =
  | { readonly kind: 'grow'; readonly to: number; readonly onCable: number }
  | { readonly kind: 'shrink'; readonly by: number }
  /** Takes the network from those on the cable, and gives it back. */
  | { readonly kind: 'cut'; readonly forMs: number };

/** What it tells, twice a second. */
export interface CrowdState {
  /** Clients with an open session. */
  readonly present: number;
  readonly sent: number;
  readonly echoed: number;
  /** Answers that were not the next number. */
  readonly wrong: number;
  /** Sessions that were ended, by code. */
  readonly endedBy: Readonly<Record<string, number>>;
  /** Clients that could not come in, and the reason of the last. */
  readonly failed: number;
  readonly failure: string;
}

const [address = '', everyMs = ''] = process.argv.slice(2);
const OPENING_AT_ONCE = 64;

const state = { present: 0, sent: 0, echoed: 0, wrong: 0, failed: 0, failure: '' };
const endedBy: Record<string, number> = {};
const members: Client[] = [];
const cable = await Cable.to(address);
let came = 0;

async function join(number: number, isOnCable: boolean): Promise<void> {
  const client = connect(isOnCable ? cable.address : address, {
    clientId: `crowd-${number}`,
    maxStreams: 1,
    openTimeoutMs: 60_000,
    backoff: { firstMs: 200, maxMs: 2_000 },
  });
  members.push(client);
  try {
    const session = await client.open('echo');
    state.present += 1;
    void session.closed.then(({ error }) => {
      state.present -= 1;
      if (error === undefined) return;
      endedBy[error.code] = (endedBy[error.code] ?? 0) + 1;
    });
    void talk(session);
    void check(session);
  } catch (error) {
    state.failed += 1;
    state.failure = error instanceof ClientError ? `${error.code}: ${error.message}` : String(error);
  }
}

async function talk(session: Session): Promise<void> {
  try {
    for (let number = 1; ; number += 1) {
      await session.send(String(number));
      state.sent += 1;
      // At random, or all would speak at once.
      await sleep(Number(everyMs) * (0.5 + Math.random()));
    }
  } catch {
    // The session is over, and says itself why.
  }
}

async function check(session: Session): Promise<void> {
  let expected = 1;
  try {
    for await (const message of session) {
      if (message.text === String(expected)) state.echoed += 1;
      else state.wrong += 1;
      expected += 1;
    }
  } catch {
    // As above.
  }
}

async function obey(order: CrowdOrder): Promise<void> {
  switch (order.kind) {
    case 'grow': {
      const { to, onCable } = order;
      await inLanes(async () => {
        while (came < to) {
          came += 1;
          await join(came, came <= onCable);
        }
      });
      return;
    }
    case 'shrink': {
      const leaving = members.splice(-order.by);
      await inLanes(async () => {
        for (let client = leaving.pop(); client !== undefined; client = leaving.pop()) await client.close();
      });
      return;
    }
    case 'cut':
      await cable.cutFor(order.forMs);
  }
}

async function inLanes(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, work));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.on('message', (order: CrowdOrder) => {
  void obey(order).then(() => {
    process.send?.({ done: true, state: { ...state, endedBy } });
  });
});
process.on('disconnect', () => {
  process.exit(0);
});
setInterval(() => {
  process.send?.({ done: false, state: { ...state, endedBy } });
}, 500);
