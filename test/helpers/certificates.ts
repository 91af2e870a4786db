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
  /** The common name, unless `commonNames` says otherwise. */
  readonly name: string;
  /** Of the subject, in order, whatever is in them; [] for a subject that is empty. */
  readonly commonNames?: readonly string[];
  /** Subject alternative names; without any of them those of a server on this machine. */
  readonly dnsNames?: readonly string[];
  readonly uris?: readonly string[];
  /** What the extended key usage allows; without it anything. */
  readonly purposes?: readonly ('client' | 'server')[];
  /** Further extensions, as they are. */
  readonly extensions?: readonly x509.Extension[];
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

const AUTHORITY_EXTENSIONS: x509.Extension[] = [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
];

const PURPOSES = {
  client: x509.ExtendedKeyUsage.clientAuth,
  server: x509.ExtendedKeyUsage.serverAuth,
} as const;

function alternativeNames({ dnsNames, uris }: CertificateRequest): x509.JsonGeneralNames {
  if (dnsNames === undefined && uris === undefined) {
    return [
      { type: 'dns', value: 'localhost' },
      { type: 'ip', value: '127.0.0.1' },
      { type: 'ip', value: '::1' },
    ];
  }
  return [
    ...(dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(uris ?? []).map((value) => ({ type: 'url' as const, value })),
  ];
}

function leafExtensions(request: CertificateRequest): x509.Extension[] {
  const names = alternativeNames(request);
  const { purposes, extensions = [] } = request;
  return [
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ...(purposes === undefined
      ? []
      : [new x509.ExtendedKeyUsageExtension(purposes.map((purpose) => PURPOSES[purpose]))]),
    ...extensions,
  ];
}

function subjectOf({ name, commonNames = [name] }: CertificateRequest): x509.Name {
  // Named by its kind, a value is taken as it is.
  return new x509.Name(commonNames.map((value) => ({ CN: [{ utf8String: value }] })));
}

/** Signed by its own key: nobody vouches for it. */
export async function selfSigned(request: CertificateRequest): Promise<CertificatePair> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: nextSerial(),
    name: subjectOf(request),
    ...dates(request),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: leafExtensions(request),
  });
  return { cert: certificate.toString('pem'), key: await keyPem(keys.privateKey) };
}

/** Signs certificates for servers (localhost, 127.0.0.1 and ::1) and for clients alike. */
export class TestAuthority {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;
  /** Those between it and the root, itself included: what its clients have to send along. */
  readonly #chain: readonly string[];

  private constructor(
    keys: webcrypto.CryptoKeyPair,
    certificate: x509.X509Certificate,
    chain: readonly string[],
  ) {
    this.#keys = keys;
    this.#certificate = certificate;
    this.#chain = chain;
  }

  static async create(
    name = 'Test authority',
    validity: Omit<CertificateRequest, 'name'> = {},
  ): Promise<TestAuthority> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: nextSerial(),
      name: `CN=${name}`,
      ...dates({ name, ...validity }),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: AUTHORITY_EXTENSIONS,
    });
    return new TestAuthority(keys, certificate, []);
  }

  /** The authority's own certificate, for those who trust it. */
  get cert(): string {
    return this.#certificate.toString('pem');
  }

  /** An authority whose certificate this one signs; what it issues comes with the chain. */
  async intermediate(request: CertificateRequest): Promise<TestAuthority> {
    const keys = await generateKeys();
    const certificate = await this.#sign(request, keys, AUTHORITY_EXTENSIONS);
    return new TestAuthority(keys, certificate, [certificate.toString('pem'), ...this.#chain]);
  }

  async issue(request: CertificateRequest): Promise<CertificatePair> {
    const keys = await generateKeys();
    const certificate = await this.#sign(request, keys, leafExtensions(request));
    return {
      cert: [certificate.toString('pem'), ...this.#chain].join('\n'),
      key: await keyPem(keys.privateKey),
    };
  }

  async #sign(
    request: CertificateRequest,
    keys: webcrypto.CryptoKeyPair,
    extensions: x509.Extension[],
  ): Promise<x509.X509Certificate> {
    return x509.X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject: subjectOf(request),
      issuer: this.#certificate.subject,
      ...dates(request),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions,
    });
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
