import type { Arguments } from '../frame/command.js';
import { flag, integer, OUTPUT, text } from '../frame/option.js';
import { GATEWAY_OPTIONS } from '../gateway-options.js';
import { SESSION_OPTIONS } from './session-options.js';

export const TAIL_OPTIONS = {
  topic: text({ short: 't', placeholder: 'ROUTE/SUBJECT', help: 'Follow this topic instead of a route.' }),
  history: integer({ min: 0, max: 1e9, default: 0, help: 'Of a topic: so many of its last messages first.' }),
  count: integer({
    short: 'n',
    min: 1,
    max: 1e12,
    defaultNote: 'until Ctrl-C',
    help: 'End after so many messages.',
  }),
  metadata: flag({ short: 'm', help: 'Sequence, key and metadata before each message.' }),
  output: OUTPUT,
  ...SESSION_OPTIONS,
  ...GATEWAY_OPTIONS,
} as const;

export type TailArguments = Arguments<typeof TAIL_OPTIONS>['options'];
