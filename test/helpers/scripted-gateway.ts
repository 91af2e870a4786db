/** The SDK against a scripted gateway, with time that the test moves; afterwards nothing of it may be left. */
import { afterEach, beforeEach, expect } from 'vitest';
import type { Client } from '../../src/client/client.js';
import { ClientError } from '../../src/client/client-error.js';
import type { ClientOptions } from '../../src/client/client-options.js';
import type { OpenOptions } from '../../src/client/options.js';
import type { Session } from '../../src/client/session/session.js';
import { WireRetryAdvice, type Open, type Opened } from '../../src/wire/messages.js';
import type { Peer } from '../conformance/client/peer.js';
import { opened } from '../conformance/client/say.js';
import { sdkSource, sdkSubject } from '../conformance/client/sdk-subject.js';
import { ADDRESS, Stage } from '../conformance/client/stage.js';

export const OPEN_TIMEOUT_MS = 10_000;
/** As a gateway says it. */
export const ADVICE = {
  now: WireRetryAdvice.NOW,
  backoff: WireRetryAdvice.BACKOFF,
  never: WireRetryAdvice.NEVER,
} as const;

/** One for each test of a file; made by `scriptedGateway`. */
export class Scripted {
  readonly stage = new Stage(sdkSource('StreamBatches'));
  #client = this.#start({});

  get client(): Client {
    return this.#client;
  }

  /** Another client, in the place of this one. */
  async restart(options: Partial<ClientOptions>): Promise<void> {
    await this.#client.close();
    this.#client = this.#start(options);
  }

  /** What an attempt to open comes to; moves time until it is known. */
  async refusal(opening: Promise<Session>): Promise<ClientError> {
    const error = await this.outcome(opening);
    if (error instanceof ClientError) return error;
    throw new Error('it was opened');
  }

  async outcome(opening: Promise<Session>): Promise<Session | ClientError> {
    return await this.stage.resolves(
      opening.catch((error: unknown) => {
        if (error instanceof ClientError) return error;
        throw error;
      }),
      'the outcome of open',
    );
  }

  /** A session, `s`, that the gateway has opened. */
  async open(
    options: OpenOptions = {},
    fields: Partial<Opened> = {},
  ): Promise<{ peer: Peer; session: Session; open: Open }> {
    const { id = 's' } = options;
    const opening = this.client.open('', { ...options, id });
    const peer = this.stage.peers[0] ?? (await this.stage.connection());
    const open = await peer.opens(id);
    peer.writes(opened(id, open, fields));
    const session = await this.outcome(opening);
    if (session instanceof ClientError) throw session;
    return { peer, session, open };
  }

  /** What a session ended with. */
  async endOf(session: Session): Promise<ClientError | undefined> {
    const { error } = await this.stage.resolves(session.closed, 'the end of the session');
    return error;
  }

  async leave(): Promise<void> {
    const { stage, client } = this;
    stage.onConnection = () => undefined;
    stage.onOpen = undefined;
    await stage.resolves(client.close({ graceMs: 500 }), 'the client to leave');
    await stage.settled();
    expect({
      timers: stage.clock.activeTimers,
      immediates: stage.clock.pendingImmediates,
      sessions: client.sessions,
      connections: stage.peers.filter(({ close }) => close === undefined).length,
    }).toEqual({ timers: 0, immediates: 0, sessions: 0, connections: 0 });
  }

  #start(options: Partial<ClientOptions>): Client {
    const own = { openTimeoutMs: OPEN_TIMEOUT_MS, ...options };
    return sdkSubject(this.stage.gateway, this.stage.clock, { addresses: [ADDRESS], own }).client;
  }
}

/** A fresh one for each test of this file. */
export function scriptedGateway(): () => Scripted {
  let scripted: Scripted;
  beforeEach(() => {
    scripted = new Scripted();
  });
  afterEach(async () => {
    await scripted.leave();
  });
  return () => scripted;
}
