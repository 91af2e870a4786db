/** A gateway with every way to say who one is, and every secret that may come near it, walked through good and bad. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:http2';
import { inspect } from 'node:util';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { expect } from 'vitest';
import {
  answersOf,
  authenticate,
  AuthFiles,
  bearer,
  claimsOf,
  open,
  staticTokens,
  welcomedAs,
} from './auth-calls.js';
import { CalloutServer } from './callout-server.js';
import { TestAuthority, type CertificatePair } from './certificates.js';
import type { Settings } from './gateway.js';
import { SecretSweep } from './secret-sweep.js';
import { StreamClient, type Received } from './stream-client.js';
import { base64url, makeTokenKey, privatePem, signToken, type TokenKey } from './tokens.js';

/** What is walked through. */
export interface SweptGateway {
  readonly address: string;
  /** Base URL of the admin address. */
  readonly admin: string;
  reload(): void;
  /** Lines of the log at level error so far. */
  errors(): number;
}

const AUDIENCE = 'sluice';
const ADMIN_PATHS = ['metrics', 'connections', 'sessions', 'totals', 'revocations', 'healthz', 'readyz', ''];

export class SecretWorld implements AsyncDisposable {
  readonly sweep = new SecretSweep();
  readonly settings: Settings;
  /** What clients, and whoever looks at the admin address, were told. */
  readonly heard: string[] = [];
  readonly #files: AuthFiles;
  readonly #callout: CalloutServer;
  readonly #authority: TestAuthority;
  readonly #client: CertificatePair;
  readonly #key = makeTokenKey('ES256', { kid: 'k' });
  readonly #secretKey = makeTokenKey('HS256', { kid: 'h' });
  readonly #calloutSecret = randomBytes(32).toString('hex');
  readonly #privateClaim = randomBytes(24).toString('base64url');
  readonly #staticToken = this.#secret('static token', randomBytes(32).toString('base64url'));
  readonly #good: Readonly<Record<string, string>>;
  #resumeTokens = 0;

  private constructor(
    callout: CalloutServer,
    authority: TestAuthority,
    server: CertificatePair,
    client: CertificatePair,
  ) {
    this.#files = new AuthFiles();
    this.#callout = callout;
    this.#authority = authority;
    this.#client = client;
    this.sweep.add('callout secret', this.#calloutSecret);
    this.sweep.add('private claim', this.#privateClaim);
    this.sweep.add('HS key', this.#secretKey.signing.export());
    this.sweep.add('signing key', bodyOf(privatePem(this.#key)));
    this.sweep.add("server's TLS key", bodyOf(server.key));
    this.sweep.add("client's TLS key", bodyOf(client.key));
    this.#good = {
      'tokens.json': staticTokens({ token: this.#staticToken, subject: 'sensor' }),
      'keys.json': JSON.stringify({ keys: [this.#key.jwk, { ...this.#secretKey.jwk, alg: 'HS256' }] }),
      'callout.secret': `${this.#calloutSecret}\n`,
      revoked: '# nobody yet\n',
      'server.key': server.key,
    };
    this.#mend();
    this.settings = {
      'auth.methods': 'static,jwt,certificate,anonymous',
      'auth.static.file': this.#files.path('tokens.json'),
      'auth.jwt.keyFile': this.#files.path('keys.json'),
      'auth.jwt.algorithms': 'ES256,HS256',
      'auth.jwt.audience': AUDIENCE,
      'auth.jwt.permissionsClaim': 'can',
      'auth.jwt.classClaim': 'class',
      'auth.certificate.identity': 'dns',
      'auth.callout.url': callout.url,
      'auth.callout.secretFile': this.#files.path('callout.secret'),
      'auth.callout.cache': 0,
      // Each fault is told of in the log, if it follows a success.
      'auth.callout.breakerFailures': 1,
      'auth.callout.breakerPause': '1ms',
      'auth.revocation.file': this.#files.path('revoked'),
      'auth.failures.burst': 1_000,
      // What changes does so when the test says so.
      'auth.reloadInterval': 0,
      'server.tls.reloadInterval': 0,
      'server.tls.certificateFile': this.#files.write('server.pem', server.cert),
      'server.tls.keyFile': this.#files.path('server.key'),
      'server.tls.clientCaFile': this.#files.write('clients.pem', authority.cert),
      'server.reflection': true,
      'server.drainGrace': '200ms',
    };
  }

  static async create(): Promise<SecretWorld> {
    const authority = await TestAuthority.create();
    const [server, client] = await Promise.all([
      authority.issue({ name: 'server' }),
      authority.issue({ name: 'client', dnsNames: ['orders.example'] }),
    ]);
    return new SecretWorld(await CalloutServer.start(), authority, server, client);
  }

  get argv(): readonly string[] {
    return Object.entries(this.settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
  }

  /** Everything that can be done with a secret, well and badly. */
  async walk(gateway: SweptGateway): Promise<void> {
    await this.#comeIn(gateway);
    await this.#areRefused(gateway);
    await this.#resume(gateway);
    await this.#failToAsk(gateway);
    await this.#breakFiles(gateway);
    await this.#look(gateway);
  }

  /** The metadata of calls that are no streams, and what grpc-js takes for an error. */
  async unreadableMetadata({ address }: SweptGateway): Promise<void> {
    const session = connect(`https://${address}`, { ca: this.#authority.cert });
    session.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => session.once('close', resolve));
    for (const path of ['/grpc.health.v1.Health/Check', '/sluice.v1.StreamService/StreamData']) {
      const token = this.#secret('unreadable token', randomBytes(32).toString('base64url'));
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization: `Bearer ${token}\u00e9`,
        [`x-${token.replaceAll(/[^a-z]/g, '')}`]: '1',
        cookie: `session=${token}\u00e9`,
      });
      const over = new Promise<void>((resolve) => stream.once('close', resolve));
      stream.on('error', () => undefined);
      stream.on('response', (headers) => this.heard.push(inspect(headers)));
      stream.resume();
      stream.end(Buffer.alloc(5));
      await over;
    }
    session.destroy();
    await closed;
  }

  /** What is wrong with the files is what `config check` says, too. */
  breakFiles(): void {
    const token = this.#secret('token in the file', randomBytes(32).toString('hex'));
    this.#files.write('tokens.json', `{"tokens":[{"sha256":"${token}x","subject":"${'s'.repeat(200)}"}]}`);
    this.#files.write('keys.json', `${this.#good['keys.json']?.slice(0, -3) ?? ''}"`);
    this.#files.write('callout.secret', `${this.#calloutSecret}\n${this.#calloutSecret}\n`);
    this.#files.write('revoked', `${token} ${token}\n`);
    this.#files.write('server.key', (this.#good['server.key'] ?? '').replace('MI', 'IM'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#files[Symbol.dispose]();
    await this.#callout[Symbol.asyncDispose]();
  }

  #secret(name: string, text: string): string {
    this.sweep.add(name, text);
    return text;
  }

  #signed(key: TokenKey, claims: object, header: object = {}): string {
    const all = { aud: AUDIENCE, note: this.#privateClaim, ...claims } as Record<string, unknown>;
    return this.#secret('signed token', signToken(key, all, header as Record<string, unknown>));
  }

  #mend(): void {
    for (const [name, content] of Object.entries(this.#good)) this.#files.write(name, content);
  }

  #connect({ address }: SweptGateway, metadata: Record<string, string> = {}, pair?: CertificatePair) {
    return new StreamClient(address, { metadata, credentials: this.#credentials(pair) });
  }

  #credentials(pair?: CertificatePair): ChannelCredentials {
    const [key, cert] = pair === undefined ? [null, null] : [Buffer.from(pair.key), Buffer.from(pair.cert)];
    return credentials.createSsl(Buffer.from(this.#authority.cert), key, cert);
  }

  /** Leaves, or waits to be sent away; all that came is kept. */
  async #keep(client: StreamClient, leave: 'end' | 'break' | 'wait' = 'end'): Promise<void> {
    if (leave === 'end') client.halfClose();
    if (leave === 'break') client.call.cancel();
    const { details, metadata } = await client.status;
    client.close();
    for (const message of client.received) this.heard.push(asText(withoutResumeToken(message)));
    this.heard.push(details, asText(metadata.getMap()));
  }

  async #comeIn(gateway: SweptGateway): Promise<void> {
    const claims = claimsOf('ann', { can: ['*'] });
    const tokens = [
      this.#staticToken,
      this.#signed(this.#key, claims),
      this.#signed(this.#secretKey, claims),
    ];
    for (const token of tokens) {
      const client = this.#connect(gateway, bearer(token));
      await welcomedAs(client);
      client.sendData('s', 'a word');
      await client.untilData(1);
      authenticate(client, token);
      await client.until(() => client.controls('welcome').length === 2);
      await this.#keep(client);
    }
    const shown = this.#connect(gateway, {}, this.#client);
    expect(await welcomedAs(shown)).toBe('orders.example');
    await this.#keep(shown);
    const nobody = this.#connect(gateway, { 'x-client-id': 'bob' });
    expect(await welcomedAs(nobody)).toBe('anonymous:bob');
    await this.#keep(nobody);
  }

  async #areRefused(gateway: SweptGateway): Promise<void> {
    const claims = claimsOf('ann', { can: ['*'] });
    const now = Math.floor(Date.now() / 1_000);
    const odd = this.#privateClaim;
    const key = this.#key;
    const wrong = [
      ...[randomBytes(32).toString('base64url'), randomBytes(7_000).toString('base64url')],
      ...[
        `${randomBytes(32).toString('base64url')}.${base64url(odd)}.x`,
        `${base64url('{"alg":1}')}.${odd}.x`,
      ],
      this.#signed(makeTokenKey('ES256', { kid: 'k' }), claims),
      this.#signed(makeTokenKey('HS256', { kid: odd }), claims),
      ...[{ alg: 'none' }, { alg: odd }, { crit: [odd] }, { typ: odd }, { kid: { odd } }].map((header) =>
        this.#signed(key, claims, header),
      ),
      ...[
        { aud: odd },
        { exp: now - 3_600, iat: now - 7_200 },
        { exp: now + 10_000_000 },
        { nbf: now + 3_600 },
        { exp: odd },
        { iat: odd },
        { sub: `${odd}\n` },
        { sub: odd.repeat(10) },
        { sub: { odd } },
        { class: odd },
        { can: [`open:${odd}/${odd}\n`] },
        { can: { odd } },
        { cnf: { 'x5t#S256': randomBytes(32).toString('base64url') } },
      ].map((more) => this.#signed(key, { ...claims, ...more })),
    ];
    for (const [n, token] of wrong.entries()) {
      this.#secret(`wrong token ${n}`, token);
      const shown = this.#connect(gateway, bearer(token));
      await this.#keep(shown);
      // Within a stream that goes well, too.
      const stream = this.#connect(gateway, bearer(this.#signed(key, claimsOf('ann', { can: ['*'] }))));
      await welcomedAs(stream);
      authenticate(stream, token);
      // Some of them hold, and only say nothing that counts.
      const taken = stream.until(() => stream.controls('welcome').length === 2);
      await taken.then(
        () => this.#keep(stream),
        () => this.#keep(stream, 'wait'),
      );
    }
    // What is no bearer token, or more than one.
    for (const authorization of [
      `Basic ${odd}`,
      odd,
      `Bearer ${odd} ${odd}`,
      `Bearer ${odd}, Bearer ${odd}`,
    ]) {
      await this.#keep(this.#connect(gateway, { authorization }));
    }
    // Who may not do it is told what is missing, and no more.
    const less = this.#connect(gateway, bearer(this.#signed(key, claimsOf('cid', { can: ['open:topic'] }))));
    expect(await open(less, 's', { route: 'echo', subject: 'private' })).toBe('PERMISSION_DENIED');
    await this.#keep(less);
    const other = this.#connect(gateway, bearer(this.#signed(key, claimsOf('cid', { can: ['*'] }))));
    await welcomedAs(other);
    authenticate(other, this.#signed(key, claimsOf('ann', { can: ['*'] })));
    await this.#keep(other, 'wait');
  }

  async #resume(gateway: SweptGateway): Promise<void> {
    const token = (subject: string): string => this.#signed(this.#key, claimsOf(subject, { can: ['*'] }));
    const resumeToken = this.#newResumeToken();
    const session = { route: 'echo', resumeToken, attempt: 1 };
    const owner = this.#connect(gateway, bearer(token('ann')));
    expect(await open(owner, 's', session)).toBe('opened');
    owner.sendData('s', 'one', { type: 'MESSAGE_TYPE_DATA', sequence: 1 });
    await owner.untilData(1);
    await this.#keep(owner, 'break');
    for (const [subject, guess] of [
      ['bob', resumeToken],
      ['ann', this.#newResumeToken()],
      ['ann', this.#newResumeToken().subarray(0, 15)],
    ] as const) {
      const client = this.#connect(gateway, bearer(token(subject)));
      await open(client, 's', { resume: true, resumeToken: guess, attempt: 2 });
      await this.#keep(client);
    }
    const back = this.#connect(gateway, bearer(token('ann')));
    expect(await open(back, 's', { resume: true, resumeToken, attempt: 3 })).toBe('resumed');
    expect(answersOf(back, 's')).toEqual(['resumed']);
    // Looked at while it is here, and while it waits.
    await this.#look(gateway);
    await this.#keep(back, 'break');
    await this.#look(gateway);
  }

  /** The service answers with what it was sent, or with what it should keep to itself. */
  async #failToAsk(gateway: SweptGateway): Promise<void> {
    const secret = this.#calloutSecret;
    for (const reply of [
      { text: `Bearer ${secret}`, status: 500 },
      { json: { error: secret }, status: 401 },
      { text: `{"allow": true, "${secret}`, status: 200 },
      { json: { allow: secret } },
      { json: { allow: true, class: `${secret}${secret}` } },
      { json: { allow: true, class: 'nowhere', permissions: [`open:${secret}\n`] } },
      { text: '', status: 302, headers: { location: `http://127.0.0.1:1/${secret}` } },
      'close',
      'half',
    ] as const) {
      this.#callout.decide = () => reply;
      await this.#keep(this.#connect(gateway, bearer(this.#staticToken)));
      this.#callout.decide = () => ({ json: { allow: true } });
      await expect
        .poll(async () => {
          const client = this.#connect(gateway, bearer(this.#staticToken));
          const name = await welcomedAs(client).catch(() => 'not yet');
          await this.#keep(client);
          return name;
        })
        .toBe('sensor');
    }
    expect(this.#callout.received.at(-1)?.headers.authorization).toBe(`Bearer ${secret}`);
    expect(JSON.stringify(this.#callout.received.map(({ body }) => body))).not.toContain(this.#privateClaim);
  }

  /** Each of them is reported, and none of what stands in it. */
  async #breakFiles(gateway: SweptGateway): Promise<void> {
    const before = gateway.errors();
    this.breakFiles();
    gateway.reload();
    await expect.poll(() => gateway.errors()).toBeGreaterThanOrEqual(before + 5);
    this.#mend();
    gateway.reload();
    const client = this.#connect(gateway, bearer(this.#staticToken));
    expect(await welcomedAs(client)).toBe('sensor');
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ subject: 'sensor', reason: 'the sweep' });
    const revoked = await fetch(`${gateway.admin}/revocations`, { method: 'POST', headers, body });
    this.heard.push(await revoked.text());
    expect(revoked.status).toBe(200);
    await this.#keep(client);
    await this.#keep(this.#connect(gateway, bearer(this.#staticToken)));
  }

  async #look({ admin }: SweptGateway): Promise<void> {
    for (const path of ADMIN_PATHS) this.heard.push(await (await fetch(`${admin}/${path}`)).text());
  }

  #newResumeToken(): Buffer {
    const token = randomBytes(16);
    this.#resumeTokens += 1;
    this.sweep.add(`resume token ${this.#resumeTokens}`, token);
    return token;
  }
}

/** The base64 of PEM: what is the same in all of them tells nothing. */
function bodyOf(pem: string): Buffer {
  const bytes = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  // PKCS #8 begins with what kind of key it is (RFC 5958), and P-256 ends with the public key (RFC 5915).
  return bytes.subarray(36, 68);
}

/** Opened gives a session's token to whoever opened it, and to nobody else. */
function withoutResumeToken(message: Received): unknown {
  const { control } = message;
  if (control?.action !== 'opened') return message;
  return { ...message, control: { ...control, opened: { ...control['opened'], resumeToken: undefined } } };
}

function asText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    const buffer = member as { readonly type?: unknown; readonly data?: unknown } | null;
    return buffer?.type === 'Buffer' ? Buffer.from(buffer.data as number[]).toString('latin1') : member;
  });
}
