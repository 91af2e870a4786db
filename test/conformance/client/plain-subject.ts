import type { StreamMethod } from '../../../src/transport/contract.js';
import { WindowedClient } from '../../helpers/windowed-client.js';
import type { WindowedSession } from '../../helpers/windowed-session.js';
import { memoryConnector } from '../../helpers/windowed-transport.js';
import { brief } from '../protocol/brief.js';
import type { Outgoing, Subject, SubjectSession, SubjectSource, Wishes } from './subject.js';

/** The client of a few pages that the gateway's own tests are made with: what every client must do, and no more. */
export function plainSource(method: StreamMethod): SubjectSource {
  return {
    name: `the client of the gateway's tests, ${method}`,
    abilities: new Set(),
    method,
    start(gateway, clock, { addresses = [] }) {
      const [address = ''] = addresses;
      const connect = memoryConnector({ accept: gateway(address), clock, clientId: 'ann', method });
      let reachable = true;
      const client = new WindowedClient({
        clock,
        random: () => 0.5,
        connect: (events) => {
          if (reachable) return connect(events);
          clock.setImmediate(() => {
            events.ended({ status: 14, message: 'unreachable' });
          });
          return { send: () => true, halfClose: () => undefined, cancel: () => undefined };
        },
      });
      const subject: Subject = {
        open: (wishes) => new PlainSession(client, wishes),
        breakNetwork: () => {
          connect.breakConnection();
        },
        unreachable: (is) => (reachable = !is),
        close: () => {
          client.stop();
          return Promise.resolve();
        },
      };
      return subject;
    },
  };
}

class PlainSession implements SubjectSession {
  readonly id: string;
  readonly opened: Promise<string>;
  readonly ended: Promise<string>;
  readonly told: string[] = [];
  readonly #session: WindowedSession;
  readonly #fates = new Map<number, (fate: string) => void>();
  #takes = 0;
  /** What was taken and is not done with; and what nobody has taken yet. */
  readonly #taken: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #settled = new Map<number, string>();

  constructor(client: WindowedClient, { id = 's', route = '', subject = '', window }: Wishes) {
    this.id = id;
    this.#session = client.open(id, {
      ...{ route, subject },
      ...(window !== undefined && { window }),
      onMessage: (message) => this.#told(brief(message).replace(/ ack \d+$/, '')),
      onGap: (gap) => void this.told.push(`GAP ${gap.fromSequence}-${gap.toSequence} ${gap.reason}`),
      onSettled: (sequence, error) => {
        const fate = error?.code ?? 'done';
        this.#settled.set(sequence, fate);
        this.#fates.get(sequence)?.(fate);
      },
    });
    this.ended = this.#session.over.then(({ code }) => {
      this.told.push(`END ${code}`.trimEnd());
      for (const [sequence, resolve] of this.#fates) if (!this.#settled.has(sequence)) resolve(code);
      return code;
    });
    this.opened = this.#session.opened.then(async (open) => (open ? 'open' : await this.ended));
  }

  async send({ data, key = '', metadata }: Outgoing): Promise<string> {
    const fields = { key, ...(metadata !== undefined && { metadata: new Map(Object.entries(metadata)) }) };
    let sequence: number;
    try {
      sequence = await this.#session.send(Buffer.from(data), fields);
    } catch {
      return await this.ended;
    }
    return await new Promise((resolve) => {
      this.#fates.set(sequence, resolve);
      const fate = this.#settled.get(sequence);
      if (fate !== undefined) resolve(fate);
    });
  }

  take(count: number): void {
    this.#takes += count;
    this.#takeMore();
  }

  end(): void {
    void this.#session.close();
  }

  async #told(line: string): Promise<void> {
    await new Promise<void>((take) => {
      this.#waiting.push(take);
      this.#takeMore();
    });
    this.told.push(line);
    this.#takes -= 1;
    await new Promise<void>((done) => {
      this.#taken.push(done);
      this.#takeMore();
    });
  }

  /** Who takes the next is done with the one before. */
  #takeMore(): void {
    if (this.#takes === 0) return;
    this.#taken.shift()?.();
    if (this.#waiting.length > 0) this.#waiting.shift()?.();
  }
}
