import type { Arguments } from '../frame/command.js';
import { choice, duration, flag, integer, OUTPUT, size } from '../frame/option.js';
import { GATEWAY_OPTIONS } from '../gateway-options.js';

const MAX_SIZE = 1024 * 1024;

export const BENCH_OPTIONS = {
  sessions: integer({ short: 'n', min: 1, max: 10_000, default: 8, help: 'Sessions that send.' }),
  streams: integer({ min: 1, max: 1000, default: 1, help: 'Streams they share.' }),
  rate: integer({
    short: 'r',
    min: 1,
    max: 10_000_000,
    defaultNote: 'as many as are answered',
    help: 'Messages a second, of all sessions together.',
  }),
  size: size({
    short: 's',
    minBytes: 0,
    maxBytes: MAX_SIZE,
    zero: 'empty messages',
    default: 128,
    help: 'Of each message.',
  }),
  duration: duration({ short: 'd', default: 10_000, help: 'How long is measured.' }),
  warmup: duration({ minMs: 0, zero: 'none', default: 1000, help: 'How long before that is not.' }),
  inFlight: integer({
    min: 1,
    max: 10_000,
    default: 64,
    help: 'Messages a session has under way at most.',
  }),
  until: choice(['answered', 'acknowledged'], {
    default: 'answered',
    help: 'A round trip ends with the answer, of a route that answers each message with one; or when the route is done with it.',
  }),
  noBatches: flag({ help: 'One message a frame (StreamData).' }),
  output: OUTPUT,
  ...GATEWAY_OPTIONS,
} as const;

export type BenchArguments = Arguments<typeof BENCH_OPTIONS>['options'];
