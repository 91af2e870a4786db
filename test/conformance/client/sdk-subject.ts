import { Client } from '../../../src/client/client.js';
import { ClientError } from '../../../src/client/client-error.js';
import type { ClientOptions } from '../../../src/client/client-options.js';
import type { Session } from '../../../src/client/session/session.js';
import type { Clock } from '../../../src/core/clock.js';
import type { StreamAcceptor, StreamMethod } from '../../../src/transport/contract.js';
import { memoryDial, type MemoryDial } from '../../../src/transport/memory/memory-connector.js';
import type { Outgoing, Subject, SubjectOptions, SubjectSession, SubjectSource, Wishes } from './subject.js';

/** The cases say themselves when it has waited for too long. */
const NEVER_MS = 3_600_000;

/** The client of src/client. */
export function sdkSource(method: StreamMethod, own: Partial<ClientOptions> = {}): SubjectSource {
  return {
    name: `sluice/client, ${method}`,
    abilities: new Set(['reset', 'addresses', 'tokens', 'moves', 'names', 'streams', 'payloads', 'codes']),
    method,
    start: (gateway, clock, options) =>
      sdkSubject(gateway, clock, { ...options, own: { batches: method === 'StreamBatches', ...own } }),
  };
}

/** The client, and its networks; for who needs more of it than a judge does. */
export function sdkSubject(
  gateway: (address: string) => StreamAcceptor,
  clock: Clock,
  {
    addresses = [],
    token,
    clientId = 'ann',
    own = {},
  }: SubjectOptions & { readonly own?: Partial<ClientOptions> },
): Subject & { readonly client: Client } {
  const networks = new Map<string, MemoryDial>(
    addresses.map((address) => [address, memoryDial(gateway(address), { clock })]),
  );
  const client = new Client(
    addresses,
    {
      openTimeoutMs: NEVER_MS,
      ...(clientId !== null && { clientId }),
      ...(token !== undefined && { token }),
      ...own,
    },
    {
      clock,
      random: () => 0.5,
      dial: (address) => {
        const dial = networks.get(address);
        if (dial === undefined) throw new TypeError(`${address} is not of this case`);
        return dial(address);
      },
    },
  );
  return {
    client,
    open: (wishes) => new SdkSession(client, wishes),
    breakNetwork: () => {
      for (const network of networks.values()) network.breakConnections();
    },
    unreachable: (is) => {
      for (const network of networks.values()) network.unreachable = is;
    },
    close: () => client.close({ graceMs: 1_000 }),
  };
}

class SdkSession implements SubjectSession {
  readonly id: string;
  readonly opened: Promise<string>;
  readonly ended: Promise<string>;
  readonly told: string[] = [];
  readonly #session: Promise<Session | undefined>;
  #toTake = 0;
  #isTaking = false;

  constructor(client: Client, { id = 's', route = '', subject = '', window, goesOn = false }: Wishes) {
    this.id = id;
    const opening = client.open(route, {
      ...{ id, subject },
      ...(window !== undefined && { window }),
      onGap: (gap) => this.told.push(`GAP ${gap.fromSequence}-${gap.toSequence} ${gap.reason}`),
      onFailure: () => undefined,
      ...(goesOn && { onReset: () => this.told.push('RESET') }),
    });
    this.opened = opening.then(() => 'open', codeOf);
    this.#session = opening.catch(() => undefined);
    this.ended = this.#session.then(async (session) => {
      if (session === undefined) return await this.opened;
      const { error } = await session.closed;
      return error?.code ?? '';
    });
  }

  async send({ data, ...options }: Outgoing): Promise<string> {
    const session = await this.#session;
    if (session === undefined) return await this.opened;
    return await session.sendAndWait(data, options).then(() => 'done', codeOf);
  }

  take(count: number): void {
    this.#toTake += count;
    if (!this.#isTaking) void this.#take();
  }

  end(): void {
    void this.#session.then((session) => {
      session?.end();
    });
  }

  async #take(): Promise<void> {
    this.#isTaking = true;
    const session = await this.#session;
    while (session !== undefined && this.#toTake > 0) {
      this.#toTake -= 1;
      try {
        const message = await session.receive();
        if (message === undefined) {
          this.told.push('END');
          return;
        }
        this.told.push(`DATA ${message.sequence} ${JSON.stringify(message.text)}`);
      } catch (error) {
        this.told.push(`END ${codeOf(error)}`);
        return;
      }
    }
    this.#isTaking = false;
  }
}

function codeOf(error: unknown): string {
  return error instanceof ClientError ? error.code : String(error);
}
