/**
 * Finds what a test left behind: timers, sockets, servers, HTTP/2 sessions,
 * child processes, signal handlers, listeners on the process, unhandled
 * rejections. `leak-check-setup.ts` runs it around every test and every file.
 *
 * An async_hooks `init` hook notes each resource and where it was made; whether
 * it still lives is asked of the resource itself. There is no `destroy` hook on
 * purpose: with one, Node tracks the collection of every promise. The hook also
 * sees unref'd timers, which `process.getActiveResourcesInfo()` leaves out.
 */
import { createHook } from 'node:async_hooks';
import { setImmediate, setTimeout } from 'node:timers';
import { isOwnedByTools, originOf } from './leak-origin.js';

/** The platform's own time, kept from before a test can put fake timers in its place. */
const monotonicMs = performance.now.bind(performance);

/** How long `assertSettled` waits for things that are closing, in milliseconds. */
const SETTLE_TIMEOUT_MS = Number(process.env['LEAK_SETTLE_MS'] ?? 2_000);
const SETTLE_POLL_MS = 10;
/** Kept of each resource's stack: enough to get past Node's own frames, little to keep. */
const ORIGIN_FRAMES = 20;

export interface Leak {
  /** `timer`, `socket`, `listener`, … */
  readonly kind: string;
  readonly description: string;
}

/** What there was at one moment; later findings are compared with it. */
export interface ResourceSnapshot {
  readonly resourceCount: number;
  readonly listeners: ReadonlyMap<string, number>;
  readonly faultCount: number;
}

export class LeakError extends Error {
  override readonly name = 'LeakError';
  readonly leaks: readonly Leak[];

  constructor(leaks: readonly Leak[]) {
    super(`left behind:\n${leaks.map((leak) => `  - ${leak.kind}: ${leak.description}`).join('\n')}`);
    this.leaks = leaks;
  }
}

interface NativeHandle {
  /** -1 once the handle is closed. */
  getAsyncId?(): number;
  /** What is in use again: an agent of node:http gives a kept connection a new resource around its handle. */
  readonly handle?: NativeHandle;
}
interface TimerHandle {
  readonly _destroyed?: boolean;
  readonly _idleTimeout?: number;
}
interface Owner {
  readonly destroyed?: boolean;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly spawnfile?: string;
  address?(): unknown;
}

const KIND_BY_TYPE: Readonly<Record<string, string>> = {
  Timeout: 'timer',
  Immediate: 'immediate',
  TCPWRAP: 'socket',
  PIPEWRAP: 'pipe',
  UDPWRAP: 'socket',
  TCPSERVERWRAP: 'server',
  PIPESERVERWRAP: 'server',
  HTTP2SESSION: 'http2 session',
  PROCESSWRAP: 'child process',
  SIGNALWRAP: 'signal handler',
  FSEVENTWRAP: 'file watcher',
  STATWATCHER: 'file watcher',
};

interface Tracked {
  readonly order: number;
  readonly type: string;
  readonly resource: WeakRef<object>;
}

const tracked = new Set<Tracked>();
/**
 * Where each was made, for as long as it lives: until its text is asked for,
 * which is dear, an Error holds the `this` of every frame, and where that is a
 * write that has finished, all that was written.
 */
const origins = new WeakMap<object, Error>();
const faults: Leak[] = [];
let created = 0;
let pruneAt = 4_096;
/** True while this module makes a timer of its own. */
let own = false;
let installed = false;

function ownerOf(resource: object): Owner | undefined {
  const symbol = Object.getOwnPropertySymbols(resource).find((each) => each.description === 'owner_symbol');
  return symbol === undefined ? undefined : (resource as Record<symbol, Owner | undefined>)[symbol];
}

function isAlive(entry: Tracked): boolean {
  const resource = entry.resource.deref();
  if (resource === undefined) return false;
  if (entry.type === 'Timeout' || entry.type === 'Immediate') {
    return (resource as TimerHandle)._destroyed !== true;
  }
  if (entry.type === 'HTTP2SESSION') return ownerOf(resource)?.destroyed === false;
  const native = resource as NativeHandle;
  return (native.handle ?? native).getAsyncId?.() !== -1;
}

function prune(): void {
  for (const entry of tracked) if (!isAlive(entry)) tracked.delete(entry);
  pruneAt = Math.max(4_096, tracked.size * 2);
}

/** Known of what is alive. */
function madeAt({ resource }: Tracked): Error | undefined {
  const object = resource.deref();
  return object === undefined ? undefined : origins.get(object);
}

function describe(entry: Tracked): string {
  const resource = entry.resource.deref();
  let detail = '';
  if (resource !== undefined) {
    const owner = ownerOf(resource);
    const address = owner?.address?.();
    if (entry.type === 'Timeout') detail = `${String((resource as TimerHandle)._idleTimeout)} ms, `;
    else if (owner?.spawnfile !== undefined) detail = `${owner.spawnfile}, `;
    else if (owner?.remotePort !== undefined) {
      detail = `${String(owner.localAddress)}:${String(owner.localPort)} to ${String(owner.remoteAddress)}:${String(owner.remotePort)}, `;
    } else if (address !== undefined && address !== null) detail = `${JSON.stringify(address)}, `;
  }
  return `${detail}made ${originOf(madeAt(entry))}`;
}

/** Listeners of the process that libraries add once and keep by design. */
const KEPT_EVENTS = new Set<string | symbol>(['exit', 'beforeExit', 'newListener', 'removeListener']);

function processListeners(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of process.eventNames()) {
    if (!KEPT_EVENTS.has(event)) counts.set(String(event), process.listenerCount(event));
  }
  return counts;
}

/** Warnings of Node that mean a leak or a timer that does not do what was asked. */
const FAULTY_WARNINGS = new Set([
  'MaxListenersExceededWarning',
  'TimeoutOverflowWarning',
  'TimeoutNegativeWarning',
  'TimeoutNaNWarning',
]);

/** Starts noting resources in this process. Idempotent; what exists already is never reported. */
export function installLeakCheck(): void {
  if (installed) return;
  installed = true;
  createHook({
    init(_asyncId, type, _triggerAsyncId, resource) {
      if (own || KIND_BY_TYPE[type] === undefined) return;
      created += 1;
      const limit = Error.stackTraceLimit;
      Error.stackTraceLimit = ORIGIN_FRAMES;
      origins.set(resource, new Error('origin'));
      Error.stackTraceLimit = limit;
      tracked.add({ order: created, type, resource: new WeakRef(resource) });
      if (tracked.size >= pruneAt) prune();
    },
  }).enable();
  process.on('unhandledRejection', (reason) => {
    faults.push({ kind: 'unhandled rejection', description: String(reason) });
  });
  process.on('uncaughtExceptionMonitor', (error) => {
    faults.push({ kind: 'uncaught exception', description: String(error) });
  });
  process.on('warning', (warning) => {
    if (FAULTY_WARNINGS.has(warning.name)) {
      faults.push({ kind: warning.name, description: `${warning.message} ${originOf(warning)}` });
    }
  });
}

/** Remembers what there is now; what is made later and still lives is a leak. */
export function takeSnapshot(): ResourceSnapshot {
  return { resourceCount: created, listeners: processListeners(), faultCount: faults.length };
}

/** What has been made since the snapshot and still lives, at this moment. */
export function findLeaks(snapshot: ResourceSnapshot): readonly Leak[] {
  const leaks: Leak[] = [];
  for (const entry of tracked) {
    if (entry.order <= snapshot.resourceCount) continue;
    if (!isAlive(entry)) tracked.delete(entry);
    else if (!isOwnedByTools(entry.type, madeAt(entry))) {
      leaks.push({ kind: KIND_BY_TYPE[entry.type] ?? entry.type, description: describe(entry) });
    }
  }
  for (const [event, count] of processListeners()) {
    const before = snapshot.listeners.get(event) ?? 0;
    if (count > before)
      leaks.push({ kind: 'process listener', description: `'${event}': ${String(count - before)} more` });
  }
  return [...leaks, ...faults.slice(snapshot.faultCount)];
}

/** Lets pending I/O, closings and rejections have their turn. */
async function turn(delayMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    own = true;
    if (delayMs === 0) setImmediate(resolve);
    else setTimeout(resolve, delayMs);
    own = false;
  });
}

/**
 * Resolves when nothing made since the snapshot is left; waits at most
 * `timeoutMs` for what is closing, then throws a LeakError naming the rest.
 */
export async function assertSettled(
  snapshot: ResourceSnapshot,
  timeoutMs = SETTLE_TIMEOUT_MS,
): Promise<void> {
  const deadline = monotonicMs() + timeoutMs;
  // Two turns at least, so that a rejection nobody handles is seen in its own test.
  await turn(0);
  await turn(0);
  for (;;) {
    const leaks = findLeaks(snapshot);
    if (leaks.length === 0) return;
    const onlyFaults = faults.length - snapshot.faultCount === leaks.length;
    if (onlyFaults || monotonicMs() >= deadline) throw new LeakError(leaks);
    await turn(SETTLE_POLL_MS);
  }
}
