import type { OpenOptions } from '../../client/options.js';
import type { Arguments } from '../frame/command.js';
import { optional } from '../frame/operand.js';
import { text } from '../frame/option.js';

export const ROUTE = optional({ help: 'What to talk to; the default route of the gateway without.' });

/** Of every command that opens a session. */
export const SESSION_OPTIONS = {
  subject: text({ short: 's', help: 'What of the route is wanted, where it has something to choose.' }),
  session: text({ placeholder: 'ID', defaultNote: 'made up', help: 'The ID of the session.' }),
} as const;

export function openOptions({
  subject,
  session,
}: Arguments<typeof SESSION_OPTIONS>['options']): Pick<OpenOptions, 'id' | 'subject'> {
  return {
    ...(subject === undefined ? {} : { subject }),
    ...(session === undefined ? {} : { id: session }),
  };
}

/** What every command that talks to a gateway may end with. */
export const GATEWAY_EXITS = {
  noInput: 'A file that is named can not be read.',
  unavailable: 'The gateway can not be reached.',
  protocol:
    'What answers is no Sluice gateway, speaks TLS where this does not (or the reverse), or a newer protocol.',
  noPermission:
    'The gateway does not know who this is, or does not permit it; or its certificate is not trusted here.',
} as const;
