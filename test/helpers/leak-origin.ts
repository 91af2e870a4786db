/** Reads where a resource was made from the stack kept when it was made. */

const INTERNAL_FRAME = /\(?node:/;
/** The test runner's own machinery, in the process of each test file. */
const RUNNER_FRAME = /[/\\]node_modules[/\\](?:vitest|@vitest|vite|tinypool|why-is-node-running)[/\\]/;

/**
 * Timers that a library or Node holds once a process, by design, and that end
 * by themselves. Each is matched against the whole stack.
 */
const SHARED_TIMERS: readonly RegExp[] = [
  /** The cached value of the Date header: at most one second. */
  /utcDate.*node:internal\/http/,
  /** The one low-resolution clock of fetch's keep-alive timeouts. */
  /node:internal\/deps\/undici/,
  /** grpc-js looks every 10 s for subchannels that no channel uses any more. */
  /subchannel-pool/,
];

function framesOf(origin: Error | undefined): string[] {
  return (origin?.stack ?? '')
    .split('\n')
    .slice(1)
    .filter(
      (line) => !/leak-check\.ts|leak-check-setup\.ts|AsyncHook|emitInitNative|emitInitScript/.test(line),
    );
}

/** Whether the runner, or something shared by the whole process, made this. */
export function isOwnedByTools(type: string, origin: Error | undefined): boolean {
  const frames = framesOf(origin);
  const first = frames.find((frame) => !INTERNAL_FRAME.test(frame));
  if (first !== undefined && RUNNER_FRAME.test(first)) return true;
  if (type !== 'Timeout') return false;
  const stack = frames.join('\n');
  return SHARED_TIMERS.some((pattern) => pattern.test(stack));
}

/** The first few places outside Node that led to it, innermost first; in one line. */
export function originOf(origin: Error | undefined): string {
  const frames = framesOf(origin);
  const outside = frames.filter((frame) => !INTERNAL_FRAME.test(frame) && !RUNNER_FRAME.test(frame));
  const shown = (outside.length > 0 ? outside : frames).slice(0, 3).map((frame) => frame.trim());
  return shown.length > 0 ? shown.join(' < ') : 'at an unknown place';
}
