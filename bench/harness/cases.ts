import type { ThroughputLoad } from './generator.js';
import type { ServerName } from './servers.js';

/** Messages per server CPU-second of Sluice, as a multiple of another server's in the same round. */
export interface Bar {
  readonly to: ServerName;
  readonly atLeast: number;
}

export interface BenchCase {
  readonly name: string;
  readonly title: string;
  readonly load: ThroughputLoad;
  readonly bars: readonly Bar[];
}

/** 20 streams on 4 connections, 16 frames outstanding each, payloads of 256 bytes. */
const USUAL = { connections: 4, streams: 20, outstanding: 16, payloadBytes: 256 } as const;

export const CASES: readonly BenchCase[] = [
  {
    name: 'stream-data',
    title: 'StreamData echo, one message a frame',
    load: { ...USUAL, method: 'StreamData', batch: 1 },
    bars: [{ to: 'go', atLeast: 1.3 }],
  },
  {
    // The Go original has no batches: it is measured with single messages here too.
    name: 'stream-batches',
    title: 'StreamBatches echo, 8 messages a frame (go: StreamData)',
    load: { ...USUAL, method: 'StreamBatches', batch: 8 },
    bars: [{ to: 'go', atLeast: 3 }],
  },
];
