/** One proxied call: its client, its backends and its time are the test's. */
import type { CallTerms } from '../../src/proxy/call-terms.js';
import { type CallOutcome, ProxiedCall } from '../../src/proxy/proxied-call.js';
import { ByteAccount } from '../../src/flow/byte-account.js';
import type { RelayedHeaders } from '../../src/transport/proxy-contract.js';
import type { UpstreamSettings } from '../../src/upstream/upstream-options.js';
import { noCounts, OPEN_TERMS } from './proxy-world.js';
import type { ScriptedRelay } from './scripted-backend.js';
import { ScriptedStream } from './scripted-stream.js';
import { upstreamWorld } from './upstream-world.js';

export interface ProxiedWorldOptions {
  readonly terms?: Partial<CallTerms>;
  readonly upstream?: Partial<UpstreamSettings>;
  readonly addresses?: readonly string[];
  readonly headers?: RelayedHeaders;
  readonly extraHeaders?: RelayedHeaders;
  readonly deadlineInMs?: number;
  /** Nothing is known of the backends yet. Default: they are well. */
  readonly unheard?: boolean;
}

export function proxiedWorld(options: ProxiedWorldOptions = {}) {
  const { addresses = ['a:1'], deadlineInMs } = options;
  const { clock, pool, backend } = upstreamWorld(addresses, options.upstream);
  pool.start();
  if (options.unheard !== true) for (const address of addresses) backend(address).isWell();
  const account = new ByteAccount(2 ** 40);
  const counters = noCounts();
  const outcomes: CallOutcome[] = [];
  const deadlineAtMs = deadlineInMs === undefined ? undefined : clock.now() + deadlineInMs;
  const stream = new ScriptedStream(clock, options.headers, deadlineAtMs);
  const call = new ProxiedCall({
    proxy: 'mine',
    stream,
    pool,
    terms: { ...OPEN_TERMS, ...options.terms },
    clock,
    account,
    counters,
    extraHeaders: options.extraHeaders ?? [],
    onEnd: (outcome) => {
      outcomes.push(outcome);
    },
  });
  stream.receiver = call;
  call.start();
  const relays = (): readonly ScriptedRelay[] => addresses.flatMap((address) => backend(address).relays);
  return {
    clock,
    pool,
    backend,
    account,
    counters,
    outcomes,
    stream,
    call,
    /** Of every backend, in their order. */
    relays,
    /** The one there is, or was made last at the first address that has one. */
    get relay(): ScriptedRelay {
      const made = relays().filter(({ isOver, isCancelled }) => !isOver && !isCancelled);
      const last = made.at(-1) ?? relays().at(-1);
      if (last === undefined) throw new Error('no call has come to a backend');
      return last;
    },
    /** Nothing is left of it. */
    get isClean(): boolean {
      const calls = pool.levels.addresses.reduce((sum, { sessions }) => sum + sessions, 0);
      return call.heldBytes === 0 && account.bytes === 0 && calls === 0;
    },
  };
}

/** A length-prefixed message of so many bytes. */
export function message(size: number, fill = 0x61): Buffer {
  const bytes = Buffer.alloc(5 + size, fill);
  bytes[0] = 0;
  bytes.writeUInt32BE(size, 1);
  return bytes;
}
