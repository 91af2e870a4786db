import type { Arguments } from '../frame/command.js';
import { duration, integer, OUTPUT } from '../frame/option.js';
import { GATEWAY_OPTIONS } from '../gateway-options.js';

export const PING_OPTIONS = {
  count: integer({ short: 'c', min: 1, max: 1e12, defaultNote: 'until Ctrl-C', help: 'So many pings.' }),
  interval: duration({
    short: 'i',
    default: 1000,
    minMs: 0,
    zero: 'each as soon as the one before is answered',
    help: 'Between two of them; 0: each as soon as the one before is answered.',
  }),
  timeout: duration({ default: 5000, help: 'A ping that is not answered within this is lost.' }),
  output: OUTPUT,
  ...GATEWAY_OPTIONS,
} as const;

export type PingArguments = Arguments<typeof PING_OPTIONS>['options'];
