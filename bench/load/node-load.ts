/**
 * The load generator for machines without Go: the flags and the output of bench/load/main.go, on bare
 * node:http2. It has one core only, which a fast server keeps busy: messages per second then say more about
 * it than about the server; messages per server CPU-second still compare.
 */
import { idle } from './node-idle.js';
import { readLoadOptions } from './node-options.js';
import { throughput } from './node-throughput.js';

function emit(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A load that this generator does not know: no failure of what is measured. */
class CannotError extends Error {
  override readonly name = 'CannotError';
}

const options = readLoadOptions();

function perform(): Promise<Record<string, unknown>> {
  const { mode, stalled } = options;
  if (mode === 'idle') return idle(options, emit);
  if (mode !== 'throughput') throw new CannotError(`the mode ${mode} needs the Go generator`);
  if (stalled > 0) throw new CannotError('load beside stalled clients needs the Go generator');
  return throughput(options, emit);
}

try {
  emit({ ...(await perform()), event: 'result' });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  emit({ event: 'error', message, ...(error instanceof CannotError ? { cannot: true } : {}) });
  process.exitCode = 1;
}
