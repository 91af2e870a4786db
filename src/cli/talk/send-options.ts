import type { Arguments } from '../frame/command.js';
import { duration, file, flag, OUTPUT, size, text } from '../frame/option.js';
import { GATEWAY_OPTIONS } from '../gateway-options.js';
import { SESSION_OPTIONS } from './session-options.js';

/** A chunk is held in memory. Bytes. */
const MAX_CHUNK = 64 * 1024 * 1024;

export const SEND_OPTIONS = {
  data: text({ short: 'd', help: 'The message, instead of an input.' }),
  file: file({ short: 'f', defaultNote: 'the standard input', help: 'The input.' }),
  json: flag({
    help: 'Each line of the input is an object: {"data": "text"} or {"base64": "…"}, with "key", "metadata" and "ttlMs" as needed.',
  }),
  whole: flag({
    help: 'The whole input is one message; answers are printed as they are, without line breaks.',
  }),
  chunk: size({
    minBytes: 1,
    maxBytes: MAX_CHUNK,
    help: 'The input is cut into messages of this size; answers as with --whole.',
  }),
  key: text({ short: 'k', help: 'The key of each message.' }),
  metadata: text({
    short: 'm',
    many: true,
    placeholder: 'NAME=VALUE',
    help: 'Metadata of each message.',
    allowed: 'a name and a value, such as tenant=a',
    isRight: (value) => value.indexOf('=') > 0,
  }),
  ttl: duration({ help: 'Not worth delivering later than this.' }),
  noAnswers: flag({ help: 'Throw answers away.' }),
  quiet: flag({ short: 'q', help: 'No answers and no summary: only what failed.' }),
  resend: flag({
    help: 'Where the gateway has lost the session (it was restarted), send again what it had not acknowledged, some of it perhaps twice. Without this it ends there.',
  }),
  output: OUTPUT,
  ...SESSION_OPTIONS,
  ...GATEWAY_OPTIONS,
} as const;

export type SendArguments = Arguments<typeof SEND_OPTIONS>['options'];
