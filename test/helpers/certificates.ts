/** Certificates made at run time: nothing in the repository expires, nothing needs openssl. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 60 * 60 * 1000;
let serial = 0;

export interface CertificateRequest {
  readonly name: string;
  /** Whole days from now; negative for the past. Default 30. */
  readonly validForDays?: number;
  /** Default -1: valid since yesterday. */
  readonly validFromDays?: number;
}

/** A certificate and its key, as PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function dates(request: CertificateRequest): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  return {
    notBefore: new Date(now + (request.validFromDays ?? -1) * DAY_MS),
    notAfter: new Date(now + (request.validForDays ?? 30) * DAY_MS),
  };
}

function nextSerial(): string {
  serial += 1;
  return serial.toString(16).padStart(4, '0');
}

/** Signs certificates for servers (localhost, 127.0.0.1 and ::1) and for clients alike. */
export class TestAuthority {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;

  private constructor(keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.#certificate = certificate;
  }

  static async create(name = 'Test authority'): Promise<TestAuthority> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: nextSerial(),
      name: `CN=${name}`,
      ...dates({ name }),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestAuthority(keys, certificate);
  }

  /** The authority's own certificate, for those who trust it. */
  get cert(): string {
    return this.#certificate.toString('pem');
  }

  async issue(request: CertificateRequest): Promise<CertificatePair> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject: `CN=${request.name}`,
      issuer: this.#certificate.subject,
      ...dates(request),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
      ],
    });
    return { cert: certificate.toString('pem'), key: await keyPem(keys.privateKey) };
  }
}

/** A directory of its own for certificate files; remove it at the end. */
export class CertificateDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'sluice-tls-'));

  /** Writes as deployments do: whole files, moved into place. */
  write(name: string, content: string): string {
    const file = join(this.path, name);
    writeFileSync(`${file}.new`, content);
    renameSync(`${file}.new`, file);
    return file;
  }

  /** After `remove`: there again, and empty. */
  restore(): void {
    mkdirSync(this.path);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
