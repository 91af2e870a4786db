import { errorText } from '../../core/error-text.js';
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';

import type { Clock, Timer } from '../../core/clock.js';
import type { ClientCertificate } from '../../core/credentials.js';
import { readClientCertificate } from './client-certificate.js';
import type { TransportLogger } from './limited-log.js';
import { peerOf } from './socket-peer.js';
import { readTlsMaterial, secureContextOptions, type TlsMaterial, type TlsOptions } from './tls-files.js';
import { certificateRefusal, tlsFailureReason } from './tls-refusal.js';

/** A certificate that ends sooner is worth a warning whenever it is loaded. */
const EXPIRY_WARNING_MS = 7 * 24 * 60 * 60 * 1000;

export interface TlsGateOptions extends TlsOptions {
  /** The section of the configuration whose door it is, for the log: several doors show one certificate. */
  readonly section: string;
  /** The protocol that is agreed on (RFC 7301). */
  readonly alpnProtocol: 'h2' | 'http/1.1';
}

export interface TlsEvents {
  /** The handshake is done, and the client's certificate, if any, is good. */
  onSecure(socket: TLSSocket, certificate: ClientCertificate | undefined): void;
  onHandshakeTimeout(): void;
  /** The client spoke no TLS, no common version, or showed a certificate that does not hold. */
  onRefused(reason: string, peer: string): void;
}

/**
 * Turns accepted sockets into TLS sockets, and keeps the certificate fresh: the
 * files are read again on an interval and on `reload()`. A new pair is used
 * for new connections only when it is whole and valid; otherwise the last good
 * one stays, with one log line for each distinct fault.
 */
export class TlsGate {
  readonly #options: TlsGateOptions;
  readonly #clock: Clock;
  readonly #logger: TransportLogger;
  readonly #server: Server;
  #material: TlsMaterial;
  #lastFault: string | undefined;
  #timer: Timer | undefined;

  /** Throws a StartError when the files can't be used. */
  constructor(
    options: TlsGateOptions,
    handshakeTimeoutMs: number,
    clock: Clock,
    logger: TransportLogger,
    events: TlsEvents,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#material = readTlsMaterial(options);
    this.#server = createServer({
      ...this.#contextOptions(),
      ALPNProtocols: [options.alpnProtocol],
      handshakeTimeout: handshakeTimeoutMs,
      requestCert: options.clientCaFile !== undefined,
      // Judged below, so that a refusal has a reason to log.
      rejectUnauthorized: false,
    });
    this.#server.on('secureConnection', (socket) => {
      socket.on('error', ignoreError);
      let certificate: ClientCertificate | undefined;
      try {
        certificate = this.#certificateOf(socket);
      } catch (error) {
        events.onRefused(errorText(error), peerOf(socket));
        socket.destroy();
        return;
      }
      events.onSecure(socket, certificate);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      const peer = peerOf(socket);
      socket.destroy();
      const code = 'code' in error ? error.code : undefined;
      if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') events.onHandshakeTimeout();
      // A client that leaves early, a load balancer's probe for example, was not refused.
      else if (code !== 'ECONNRESET' && code !== 'EPIPE') {
        events.onRefused(tlsFailureReason(error, options.alpnProtocol), peer);
      }
    });
    this.#warnOfExpiry(this.#material);
    this.#schedule();
  }

  /** Starts the TLS handshake on an accepted socket. */
  admit(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** Reads the files again now; true when a new certificate, key or authority is in use. Never throws. */
  reload(): boolean {
    let material: TlsMaterial;
    try {
      material = readTlsMaterial(this.#options);
      const same = sameMaterial(material, this.#material);
      if (!same) this.#checkDates(material);
      this.#lastFault = undefined;
      if (same) return false;
      this.#material = material;
      this.#server.setSecureContext(this.#contextOptions());
    } catch (error) {
      this.#keep(errorText(error));
      return false;
    }
    const { subject, validTo } = material.certificate;
    this.#logger.info(
      { door: this.#options.section, subject, validTo },
      'TLS certificate reloaded; new connections use it',
    );
    this.#warnOfExpiry(material);
    return true;
  }

  /** No more reloads. Idempotent. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #contextOptions(): ReturnType<typeof secureContextOptions> {
    return {
      ...secureContextOptions(this.#options, this.#material),
      // RFC 9113 section 9.2.1; and a certificate is judged once, so it must stay the same.
      // A resumed TLS session skips the check of the client's certificate: none where that check matters.
      secureOptions:
        this.#options.clientCaFile === undefined
          ? constants.SSL_OP_NO_RENEGOTIATION
          : constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
    };
  }

  /**
   * What the client has shown, undefined when that is nothing and may be;
   * throws why it may not come in. Read here and now: a certificate that can't
   * be read must not pass for none, and one connection is one client.
   */
  #certificateOf(socket: TLSSocket): ClientCertificate | undefined {
    if (this.#options.clientCaFile === undefined) return undefined;
    const shown = socket.getPeerX509Certificate();
    if (shown === undefined) {
      if (this.#options.requireClientCertificate === true) throw new Error('no client certificate');
      return undefined;
    }
    // Typed as an Error, a string in truth.
    if (!socket.authorized) throw new Error(certificateRefusal(String(socket.authorizationError)));
    try {
      return readClientCertificate(shown);
    } catch (error) {
      throw new Error(`client certificate refused: it can't be read: ${errorText(error)}`, { cause: error });
    }
  }

  #checkDates(material: TlsMaterial): void {
    const now = this.#clock.wallNow();
    const { validFrom, validTo } = material.certificate;
    if (Date.parse(validTo) <= now) throw new Error(this.#dated(`has expired: it was valid to ${validTo}`));
    if (Date.parse(validFrom) > now)
      throw new Error(this.#dated(`is not valid yet: it is from ${validFrom}`));
  }

  #warnOfExpiry(material: TlsMaterial): void {
    const { validTo } = material.certificate;
    const leftMs = Date.parse(validTo) - this.#clock.wallNow();
    if (leftMs >= EXPIRY_WARNING_MS) return;
    const message =
      leftMs <= 0 ? `has expired: it was valid to ${validTo}` : `expires soon: it is valid to ${validTo}`;
    this.#logger.warn({ door: this.#options.section, validTo }, this.#dated(message));
  }

  #dated(message: string): string {
    return `server.tls.certificateFile: the certificate in "${this.#options.certificateFile}" ${message}.`;
  }

  #keep(fault: string): void {
    if (fault === this.#lastFault) return;
    this.#lastFault = fault;
    this.#logger.error(
      { door: this.#options.section, validTo: this.#material.certificate.validTo },
      `TLS certificate not reloaded, the last good one stays in use: ${fault}`,
    );
  }

  #schedule(): void {
    if (this.#options.reloadIntervalMs === 0) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.reload();
      this.#schedule();
    }, this.#options.reloadIntervalMs);
  }
}

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  const sameCa = a.ca === undefined || b.ca === undefined ? a.ca === b.ca : a.ca.equals(b.ca);
  return a.cert.equals(b.cert) && a.key.equals(b.key) && sameCa;
}

function ignoreError(): void {
  // 'close' follows.
}
