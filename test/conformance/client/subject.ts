import type { Clock } from '../../../src/core/clock.js';
import type { StreamAcceptor, StreamMethod } from '../../../src/transport/contract.js';

/** What not every client does; a case that needs it is skipped where it is missing. */
export type Ability =
  /** Opens a session afresh where the gateway no longer has it, and says so. */
  | 'reset'
  /** Knows several gateways. */
  | 'addresses'
  /** Shows tokens, and fresh ones within the stream. */
  | 'tokens'
  /** Has a new connection before it leaves the old. */
  | 'moves'
  /** Names itself as Welcome did, where it had no name. */
  | 'names'
  /** Spreads its sessions over several streams. */
  | 'streams'
  /** Cuts what it sends into messages, and puts together what it receives. */
  | 'payloads'
  /** Acts on the code with which a connection or a session ended. */
  | 'codes';

export interface SubjectOptions {
  /** Default: one. */
  readonly addresses?: readonly string[];
  /** Default: none. */
  readonly token?: () => string;
  /** Default `ann`; `null`: it has no name. */
  readonly clientId?: string | null;
}

/** What a session is opened with. */
export interface Wishes {
  readonly id?: string;
  readonly route?: string;
  readonly subject?: string;
  /** What the client is prepared to hold. */
  readonly window?: { readonly messages: number; readonly bytes: number };
  /** Goes on where the gateway has lost the session; else that is its end. */
  readonly goesOn?: boolean;
}

export interface Outgoing {
  readonly data: string | Uint8Array;
  readonly key?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A session as the application has it. */
export interface SubjectSession {
  readonly id: string;
  /** Whether it came to be open: "open", or the code with which it did not. Never rejects. */
  readonly opened: Promise<string>;
  /** How it ended: "" as was asked, else the code. Never rejects. */
  readonly ended: Promise<string>;
  /**
   * What the application was told, in order, as lines: `DATA 3 "text"`,
   * `GAP 4-7 overflow`, `RESET`, and at the end `END` or `END CODE`.
   */
  readonly told: readonly string[];
  /** The fate of a message: "done" once it was acknowledged, or the code with which it failed. Never rejects. */
  send(message: Outgoing): Promise<string>;
  /** The application takes so many more, one after the other; by each it is done with the one before. */
  take(count: number): void;
  /** Nothing more will be sent; what comes is still taken. */
  end(): void;
}

/** A client, and the network below it. */
export interface Subject {
  open(wishes: Wishes): SubjectSession;
  /** The network fails: every connection is gone, on both sides without a word. */
  breakNetwork(): void;
  /** Nobody can be reached, from now on or no longer. */
  unreachable(is: boolean): void;
  /** Leaves for good. */
  close(): Promise<void>;
}

/** Clients to be judged, one for each case. */
export interface SubjectSource {
  readonly name: string;
  readonly abilities: ReadonlySet<Ability>;
  readonly method: StreamMethod;
  /** `gateway` gives the one at an address. Time is the clock's alone. */
  start(gateway: (address: string) => StreamAcceptor, clock: Clock, options: SubjectOptions): Subject;
}
