import { errorText } from '../../core/error-text.js';
import { CommandError } from '../frame/command-error.js';

const UNREACHED: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to this network',
  ETIMEDOUT: 'no answer',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
};

/** Why a request to the admin address at `address` failed, as a sentence that says what to do. */
export function adminFailure(address: string, error: unknown): CommandError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const fail = (exit: 'unavailable' | 'protocol', message: string): CommandError =>
    new CommandError(exit, message, { cause: error });
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return fail('unavailable', `the host of ${address} can not be found: is the name right?`);
  }
  if (code.startsWith('HPE_')) {
    return fail(
      'protocol',
      `what answers at ${address} does not speak HTTP: is this the gRPC address? ${NAME_IT}`,
    );
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return fail('protocol', `what answers at ${address} does not speak TLS: write http:// instead.`);
  }
  if (/^(ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code)) {
    return fail('unavailable', `the certificate at ${address} is not trusted here: ${errorText(error)}.`);
  }
  const reason = UNREACHED[code] ?? errorText(error);
  return fail(
    'unavailable',
    `nothing answers at ${address} (${reason}): is the gateway running, and does admin.listen name this address? ${NAME_IT}`,
  );
}

const NAME_IT = 'Another one is named by --admin or SLUICE_ADMIN.';
