/**
 * The load generator for machines without Go: the flags and the output of bench/load/main.go, on bare
 * node:http2. It takes more CPU time than the servers it measures, so messages per second are not worth
 * comparing with it; messages per server CPU-second still are.
 */
import { idle } from './node-idle.js';
import { readLoadOptions } from './node-options.js';
import { throughput } from './node-throughput.js';

function emit(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const options = readLoadOptions();
try {
  const result = options.mode === 'idle' ? await idle(options, emit) : await throughput(options);
  emit({ ...result, event: 'result' });
} catch (error) {
  emit({ event: 'error', message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
