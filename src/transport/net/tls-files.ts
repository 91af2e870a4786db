import { errorText } from '../../core/error-text.js';
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

import { readReason } from '../../core/read-reason.js';
import { StartError } from '../../core/start-error.js';

export interface TlsOptions {
  /** PEM: the server's certificate, followed by the intermediate ones. */
  readonly certificateFile: string;
  /** PEM: the certificate's private key, not encrypted. */
  readonly keyFile: string;
  /** PEM: the authorities that sign client certificates. Without it no client certificate is asked for. */
  readonly clientCaFile?: string;
  /** Refuse clients without a certificate; needs `clientCaFile`. */
  readonly requireClientCertificate?: boolean;
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** How often the files are read again; 0 = only when asked. */
  readonly reloadIntervalMs: number;
}

/** The files of `TlsOptions` as they were at one moment, checked and fit to use. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
  /** The server's own certificate: the first of its file. */
  readonly certificate: X509Certificate;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Reads the files and checks that they belong together: certificates that
 * parse, a key that fits the certificate. Throws a StartError that names the
 * setting, the file and the fault. Says nothing about dates.
 */
export function readTlsMaterial(options: TlsOptions): TlsMaterial {
  const cert = readSetting('server.tls.certificateFile', options.certificateFile);
  const key = readSetting('server.tls.keyFile', options.keyFile);
  const ca =
    options.clientCaFile === undefined
      ? undefined
      : readSetting('server.tls.clientCaFile', options.clientCaFile);
  if (options.requireClientCertificate === true && ca === undefined) {
    throw new StartError(
      'server.tls.requireClientCertificate',
      'server.tls.requireClientCertificate is true, but server.tls.clientCaFile names no authorities to check them against.',
    );
  }
  const certificate = firstCertificate('server.tls.certificateFile', options.certificateFile, cert);
  if (ca !== undefined && options.clientCaFile !== undefined) {
    firstCertificate('server.tls.clientCaFile', options.clientCaFile, ca);
  }
  if (!certificate.checkPrivateKey(privateKey(options.keyFile, key))) {
    throw fault(
      'server.tls.keyFile',
      options.keyFile,
      `is not the key of the certificate in "${options.certificateFile}"`,
    );
  }
  const material: TlsMaterial = { cert, key, ca, certificate };
  try {
    createSecureContext(secureContextOptions(options, material));
  } catch (error) {
    throw fault(
      'server.tls.certificateFile',
      options.certificateFile,
      `can't be used: ${errorText(error)}`,
      error,
    );
  }
  return material;
}

/** The material as `tls` takes it. */
export function secureContextOptions(options: TlsOptions, material: TlsMaterial): SecureContextOptions {
  return {
    cert: material.cert,
    key: material.key,
    ...(material.ca === undefined ? {} : { ca: material.ca }),
    minVersion: options.minVersion ?? 'TLSv1.2',
  };
}

function readSetting(setting: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw fault(setting, file, `can't be read: ${readReason(error)}`, error);
  }
}

/** Parses every certificate of the file, so that a broken one is found now; returns the first. */
function firstCertificate(setting: string, file: string, pem: Buffer): X509Certificate {
  const blocks = pem.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  let certificates: X509Certificate[];
  try {
    certificates = blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw fault(setting, file, `holds a broken certificate: ${errorText(error)}`, error);
  }
  const [first] = certificates;
  if (first === undefined) throw fault(setting, file, 'holds no PEM certificate');
  return first;
}

function privateKey(file: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    // OpenSSL's own words are of no help here, and the file's content must not show.
    throw fault('server.tls.keyFile', file, 'holds no private key in PEM, or an encrypted one', error);
  }
}

function fault(setting: string, file: string, reason: string, cause?: unknown): StartError {
  return new StartError(setting, `${setting}: "${file}" ${reason}.`, { cause });
}
