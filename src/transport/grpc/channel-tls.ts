import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  checkServerIdentity,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
} from 'node:tls';
import type { ChannelAddress } from './channel-address.js';
import { type ChannelTerms, GATEWAY_TERMS } from './channel-terms.js';

/** How a client speaks TLS. Everything is PEM. */
export interface ChannelTls {
  /** Whom it trusts. Default: the authorities that Node trusts. */
  readonly ca?: string | Buffer;
  /** The client's certificate, with its chain, and its key. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** The name the gateway's certificate is for, where that is not the host of the address. */
  readonly serverName?: string;
}

/** TLS for every connection of a dialer, made once. */
export class ChannelSecurity {
  /** Whether there is a certificate of the client's. */
  readonly showsCertificate: boolean;
  readonly #context: SecureContext;
  readonly #serverName: string | undefined;

  /** @throws TypeError for certificates and keys that are none. */
  constructor(tls: ChannelTls, terms: ChannelTerms = GATEWAY_TERMS) {
    this.#serverName = tls.serverName;
    this.showsCertificate = tls.cert !== undefined;
    if ((tls.cert === undefined) !== (tls.key === undefined))
      throw new TypeError(`${terms.names.cert} and ${terms.names.key} go together: one of them is missing.`);
    this.#context = secureContext(tls, terms);
  }

  optionsFor(address: ChannelAddress): ConnectionOptions {
    const name = this.#serverName ?? (address.kind === 'tcp' ? address.host : 'localhost');
    return {
      secureContext: this.#context,
      ALPNProtocols: ['h2'],
      // The name sent along is never an IP address (RFC 6066, section 3).
      ...(isIP(name) === 0 && { servername: name }),
      checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    };
  }
}

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/;
const KEY = /-----BEGIN [\w ]*PRIVATE KEY-----/;

/** One after the other, so that the error names the right one. */
function secureContext({ ca, cert, key }: ChannelTls, { names }: ChannelTerms): SecureContext {
  let options: ContextOptions = { minVersion: 'TLSv1.2' };
  const add = (name: string, pem: RegExp, value: string | Buffer, more: ContextOptions): void => {
    // Of what holds nothing in PEM OpenSSL would take no notice.
    if (!pem.test(value.toString()))
      throw new TypeError(`${name} can't be used: it is not PEM${names.pemHint}.`);
    options = { ...options, ...more };
    try {
      // OpenSSL passes over authorities that it can't read.
      if (pem === CERTIFICATE) new X509Certificate(value);
      createSecureContext(options);
    } catch (cause) {
      const { reason = 'it is not PEM' } = cause as { readonly reason?: string };
      throw new TypeError(`${name} can't be used: ${reason}.`, { cause });
    }
  };
  if (ca !== undefined) add(names.ca, CERTIFICATE, ca, { ca });
  if (cert !== undefined) add(names.cert, CERTIFICATE, cert, { cert });
  if (key !== undefined) add(names.key, KEY, key, { key });
  return createSecureContext(options);
}

type ContextOptions = NonNullable<Parameters<typeof createSecureContext>[0]>;
