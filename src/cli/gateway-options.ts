import { readFile } from 'node:fs/promises';
import { isToken, MAX_TOKEN_BYTES } from '../client/client-settings.js';
import type { Arguments } from './frame/command.js';
import { CommandError } from './frame/command-error.js';
import { file, flag, text } from './frame/option.js';
import { fileOf, unreadable } from './frame/unreadable.js';

const group = 'The gateway';

const TOKEN = `a token: at most ${MAX_TOKEN_BYTES} bytes of printable ASCII without spaces, and without "Bearer "`;

/** The options of every command that talks to a gateway; `gatewayAccess` reads what they name. */
export const GATEWAY_OPTIONS = {
  address: text({
    short: 'a',
    group,
    default: 'localhost:50051',
    env: 'SLUICE_ADDRESS',
    placeholder: 'HOST:PORT,...',
    help: 'Where it is; several are tried in turn.',
    allowed: 'addresses such as localhost:50051, separated by commas',
    isRight: (value) => value.split(',').every((address) => /^[^\s,]+$/.test(address.trim())),
  }),
  token: text({
    group,
    secret: true,
    env: 'SLUICE_TOKEN',
    allowed: TOKEN,
    isRight: isToken,
    help: 'Says who you are. Others on this machine can see it in the list of processes: use the variable or --token-file.',
  }),
  tokenFile: file({
    group,
    help: 'A file with the token, read again before each connection; goes before --token.',
  }),
  clientId: text({
    group,
    placeholder: 'ID',
    defaultNote: 'made up',
    help: 'Your client ID, where the gateway takes your word for it.',
  }),
  tls: flag({ group, help: 'Use TLS, with the certificate authorities that Node.js knows.' }),
  tlsCa: file({ group, help: 'Authorities to trust instead, PEM. Implies --tls, as the next three do.' }),
  tlsCert: file({ group, help: 'Your certificate, PEM, where the gateway asks for one.' }),
  tlsKey: file({ group, help: 'Its key, PEM.' }),
  tlsName: text({
    group,
    placeholder: 'NAME',
    help: "The name the gateway's certificate has to be for, where it is not the address's.",
  }),
} as const;

export interface GatewayAccess {
  /** At least one. */
  readonly addresses: readonly string[];
  /** A file's is read anew at each call, so that a token may be replaced while the command runs. */
  readonly token: string | (() => Promise<string>) | undefined;
  readonly clientId: string | undefined;
  /** Undefined without TLS. */
  readonly tls: TlsAccess | undefined;
}

export interface TlsAccess {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly serverName?: string;
}

type GatewayArguments = Arguments<typeof GATEWAY_OPTIONS>['options'];

/** Reads the files that are named. Throws `CommandError`: a file that can't be read, a certificate without its key. */
export async function gatewayAccess(options: GatewayArguments): Promise<GatewayAccess> {
  const { address, tokenFile, clientId } = options;
  let token: GatewayAccess['token'] = options.token;
  if (tokenFile !== undefined) {
    token = () => tokenIn(tokenFile);
    await token();
  }
  const addresses = address.split(',').map((one) => one.trim());
  return { addresses, token, clientId, tls: await tlsAccess(options) };
}

async function tlsAccess(options: GatewayArguments): Promise<TlsAccess | undefined> {
  const { tls, tlsCa, tlsCert, tlsKey, tlsName } = options;
  const named = [tlsCa, tlsCert, tlsKey, tlsName];
  if (!tls && named.every((value) => value === undefined)) return undefined;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const missing = tlsCert === undefined ? '--tls-cert' : '--tls-key';
    throw new CommandError('usage', `a certificate and its key belong together: ${missing} is missing`);
  }
  return {
    ...(tlsCa === undefined ? {} : { ca: await contentOf('tlsCa', tlsCa) }),
    ...(tlsCert === undefined ? {} : { cert: await contentOf('tlsCert', tlsCert) }),
    ...(tlsKey === undefined ? {} : { key: await contentOf('tlsKey', tlsKey) }),
    ...(tlsName === undefined ? {} : { serverName: tlsName }),
  };
}

async function tokenIn(path: string): Promise<string> {
  const token = (await contentOf('tokenFile', path)).toString('utf8').trim();
  const file = fileOf('tokenFile', path);
  if (token === '') throw new CommandError('noInput', `${file}: it is empty`);
  if (!isToken(token)) throw new CommandError('noInput', `${file}: it holds something else than ${TOKEN}`);
  return token;
}

async function contentOf(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(fileOf(option, path), error);
  }
}
