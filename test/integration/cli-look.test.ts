/** `sluice status` and `sluice top` for programs, and what they say where there is no gateway. */
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { AuthFiles } from '../helpers/auth-calls.js';
import { BusyGateway } from '../helpers/busy-gateway.js';
import { TestAuthority } from '../helpers/certificates.js';
import { runSluice, TestIo } from '../helpers/command-io.js';
import { startGateway } from '../helpers/gateway.js';
import { totals } from '../helpers/looks.js';

/** Something that answers on a free port, and ends with the test. */
class Listening implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async at(server: Server): Promise<Listening> {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Listening(server);
  }

  static http(answer: RequestListener): Promise<Listening> {
    return Listening.at(createHttpServer(answer));
  }

  get address(): string {
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    if ('closeAllConnections' in this.#server) (this.#server.closeAllConnections as () => void)();
    await once(this.#server, 'close');
  }
}

/** An admin address that says what it is told to. */
function answering(
  answers: Readonly<Record<string, { status?: number; body: unknown }>>,
): Promise<Listening> {
  return Listening.http(({ url = '' }, response) => {
    const { status = 200, body } = answers[url.replace(/\?.*/, '')] ?? { status: 404, body: {} };
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

const READY = { body: { ready: true, reasons: [] } };

describe('status', () => {
  it('of a gateway with something to look at, as one object', async () => {
    await using busy = await BusyGateway.start();
    busy.add('quick');
    busy.add('stuck', { route: 'stuck', messages: 20 });
    await expect.poll(() => busy.slow(), { timeout: 10_000 }).toEqual({ route: 1 });
    const { code, out, err } = await runSluice(['status', '--output', 'json'], {
      env: { SLUICE_ADMIN: busy.server.admin },
    });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.endsWith('}\n')).toBe(true);
    expect(out.trimEnd()).not.toContain('\n');
    expect(JSON.parse(out)).toMatchObject({
      admin: busy.server.admin,
      ready: true,
      reasons: [],
      // A busy machine may add that its event loop is late.
      findings: expect.arrayContaining([
        { level: 'warn', text: '1 held up (route): what handles its messages is slow' },
      ]) as unknown,
      nodeId: 'test',
      connections: { active: 2, limit: 5_000, rejected: {} },
      sessions: { active: 2, limit: 100_000, detached: 0 },
      queues: { receive: { messages: 8, maxMessages: 8 } },
      slow: { route: 1 },
      process: { pid: process.pid },
    });
  });

  it('says where clients connect, and with TLS or without', async () => {
    const pair = await (await TestAuthority.create()).issue({ name: 'server' });
    using files = new AuthFiles();
    await using server = await startGateway({
      'edge.enabled': true,
      'edge.tls': false,
      'server.listen': `127.0.0.1:0,unix:${files.path('gateway.sock')}`,
      'server.tls.certificateFile': files.write('server.pem', pair.cert),
      'server.tls.keyFile': files.write('server.key', pair.key),
    });
    const { gateway, admin } = server;
    const [tcp = '', unix = ''] = gateway.addresses.map(({ text }) => text);
    const http = gateway.edgeAddresses[0]?.text ?? '';
    const { out: json } = await runSluice(['status', '--admin', admin, '--output', 'json']);
    expect(JSON.parse(json)).toMatchObject({
      addresses: [
        { protocol: 'grpc', address: tcp, tls: true },
        { protocol: 'grpc', address: unix, tls: true },
        { protocol: 'http', address: http, tls: false },
      ],
    });
    const { out } = await runSluice(['status', '--admin', admin]);
    expect(out).toContain(`\n  addresses     gRPC with TLS at ${tcp}, ${unix}; HTTP at ${http}\n`);
  });

  it('is 1 where the gateway is not ready', async () => {
    await using server = await startGateway();
    server.gateway.readiness.setUnready('engine away');
    const { code, out } = await runSluice(['status', '--admin', server.admin]);
    expect(code).toBe(1);
    expect(out).toMatch(/^NOT READY {2}sluice /);
    expect(out).toMatch(/^wrong {2}not ready: engine away$/m);
    const { code: jsonCode, out: json } = await runSluice(['status', '-a', server.admin, '-o', 'json']);
    expect(jsonCode).toBe(1);
    expect(JSON.parse(json)).toMatchObject({ ready: false, reasons: ['engine away'] });
  });

  it('text, with what happened since the start, and nothing a client wrote unescaped', async () => {
    const shown = totals(
      { nodeId: 'no\u001bde', slow: { client: 1 } },
      {
        connections: { active: 1_203, rejected: { CLIENT_LIMIT: 12, 'e\u0007': 1 } },
        flow: { up: { dropped: 3 }, down: { dropped: 4 } },
        errors: { route: 2, slowConsumers: 1 },
      },
    );
    await using admin = await answering({ '/readyz': READY, '/totals': { body: shown } });
    const { code, out } = await runSluice(['status', '--admin', admin.address]);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'ready  sluice 1.2.3 on no\\u{1b}de, up 1h 0m, since 2026-11-21 08:00:00 UTC',
        '',
        '  addresses        gRPC with TLS at 0.0.0.0:50051, unix:/run/sluice.sock; HTTP at [::]:8080',
        '  connections      1,203 of 5,000, 24%',
        '  sessions         4,210 of 100,000, 4%; 12 wait for their clients',
        '  from clients     13 messages/s',
        '  to clients       8,000 messages/s',
        '  queues           receive 12 (fullest 7), send 340 (fullest 256) messages; 1.2 MiB in flight',
        '  memory           buffered 12.0 MiB of 1.0 GiB, 1%; heap 80.0 MiB, resident 150 MiB',
        '  event loop       late by 2 ms (p99), 14 ms at most, in the last 5s',
        '  refused          13 since the start: CLIENT_LIMIT 12, e\\u{7} 1',
        '  dropped          7 since the start',
        '  too slow, ended  1 since the start',
        '  route errors     2 since the start',
        '',
        'look  1 held up (client): the client does not read fast enough',
        '',
      ].join('\n'),
    );
    const { out: json } = await runSluice(['status', '--admin', admin.address, '-o', 'json']);
    expect(JSON.parse(json)).toMatchObject({
      sessions: { active: 4_210, limit: 100_000, detached: 12 },
      sockets: { active: 1_210, limit: 6_000 },
      edgeSockets: { active: 310, limit: 6_000 },
      addresses: [{ tls: true }, { address: 'unix:/run/sluice.sock' }, { protocol: 'http', tls: false }],
      rates: { receive: 12.5, send: 8_000 },
      memory: { buffered: 12 * 1_024 ** 2, budget: 1_024 ** 3 },
      dropped: { up: 3, down: 4 },
      errors: { route: 2, slowConsumers: 1 },
    });
  });
});

describe.each(['status', 'top'])('%s where there is no gateway', (command) => {
  const said = async (address: string): Promise<[number, string]> => {
    const { code, out, err } = await runSluice([command, '--admin', address]);
    expect(out).toBe('');
    expect(err).toMatch(new RegExp(`^sluice ${command}: [^\n]+\n$`));
    return [code, err.slice(`sluice ${command}: `.length, -1)];
  };

  it('nothing listens', async () => {
    expect(await said('127.0.0.1:1')).toEqual([
      69,
      'nothing answers at http://127.0.0.1:1 (connection refused): is the gateway running, and does admin.listen name this address? Another one is named by --admin or SLUICE_ADMIN.',
    ]);
  });

  it('no such host', async () => {
    expect(await said('nowhere.invalid:9464')).toEqual([
      69,
      'the host of http://nowhere.invalid:9464 can not be found: is the name right?',
    ]);
  });

  it('the gRPC address', async () => {
    await using server = await startGateway();
    const [code, text] = await said(server.address);
    expect(code).toBe(76);
    expect(text).toContain(
      `what answers at http://${server.address} does not speak HTTP: is this the gRPC address?`,
    );
  });

  it.each([
    ['a field of another kind', { ...totals(), sockets: null }],
    ['a text where a number is wanted', { ...totals(), messages: { received: '1', sent: 2 } }],
    ['a list', { ...totals(), queues: [] }],
    ['a field that is missing', totals({ slow: undefined as never })],
  ])('totals of another shape: %s', async (_, body) => {
    await using server = await answering({
      '/readyz': READY,
      '/totals': { body },
      '/connections': { body: { connections: [], total: 0 } },
    });
    const { code, out, err } = await runSluice([command, '--admin', server.address]);
    expect({ code, out }).toEqual({ code: 76, out: '' });
    expect(err).toBe(
      `sluice ${command}: what answers at http://${server.address} is not understood here: is it a gateway of another version?\n`,
    );
  });

  it('an answer without an end', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    await using server = await Listening.http((_, response) => {
      const more = (): void => void response.write(piece, more);
      more();
    });
    const { code, err } = await runSluice([command, '--admin', server.address]);
    expect(code).toBe(76);
    expect(err).toContain('no admin address of a gateway: its answer is longer than 32.0 MiB');
  });

  it.each(['ftp://127.0.0.1', 'http://user:hush@127.0.0.1:1', 'unix:///run/x'])(
    'an address that is none, without its password: %s',
    async (admin) => {
      const { code, err } = await runSluice([command], { env: { SLUICE_ADMIN: admin } });
      expect(code).toBe(64);
      expect(err).toContain(`SLUICE_ADMIN = "${admin.replace('user:hush', '***')}": expected a URL`);
    },
  );

  it('plain HTTP asked for TLS', async () => {
    await using server = await startGateway();
    const [code, text] = await said(server.admin.replace('http:', 'https:'));
    expect([code, text]).toEqual([
      76,
      `what answers at ${server.admin.replace('http:', 'https:')} does not speak TLS: write http:// instead.`,
    ]);
  });

  it.each<[string, Parameters<typeof answering>[0], string]>([
    ['a web server', {}, '(HTTP status 404).'],
    ['a web page', { '/readyz': { body: '<html>' }, '/totals': { body: '<html>' } }, 'its answer is no JSON'],
    ['other JSON', { '/readyz': { body: [1] }, '/totals': { body: null } }, '(HTTP status 200).'],
    [
      'an old gateway',
      { '/readyz': READY, '/totals': { body: { connections: {}, sessions: {}, queues: {} } } },
      'is too old',
    ],
  ])('%s', async (_, answers, expected) => {
    await using admin = await answering(answers);
    const [code, text] = await said(admin.address);
    expect(code).toBe(76);
    expect(text).toContain(admin.address);
    expect(text).toContain(expected);
  });

  it('somebody who hangs up', async () => {
    await using server = await Listening.at(createServer((socket) => socket.destroy()));
    const [code, text] = await said(server.address);
    expect(code).toBe(69);
    expect(text).toContain('(the connection was cut)');
  });

  it('somebody who says nothing', async () => {
    const clock = new FakeClock();
    await using server = await Listening.http(() => {
      clock.advance(5_000);
    });
    const io = new TestIo({ clock });
    expect(await io.run([command, '--admin', server.address])).toBe(69);
    expect(io.stderr.text).toBe(`sluice ${command}: http://${server.address} does not answer within 5 s.\n`);
    expect(clock.pending).toBe(0);
  });

  it('Ctrl-C while nobody answers', async () => {
    const io = new TestIo();
    await using server = await Listening.http(() => {
      io.interrupt();
    });
    expect(await io.run([command, '--admin', server.address])).toBe(command === 'top' ? 0 : 130);
    expect(io.stderr.text).toBe('');
  });
});

describe('top without a terminal', () => {
  it('is one table', async () => {
    await using busy = await BusyGateway.start();
    busy.add('alice');
    busy.add('stuck', { route: 'stuck', messages: 20 });
    await expect.poll(() => busy.slow(), { timeout: 10_000 }).toEqual({ route: 1 });
    const { code, out } = await runSluice(['top', '--admin', busy.server.admin, '--sort', 'receiveQueue']);
    expect(code).toBe(0);
    const lines = out.split('\n');
    expect(lines[4]).toMatch(/^client +peer +idle +sess +in\/s +out\/s received▾ +to send +flight slow$/);
    expect(lines[5]).toMatch(/^stuck +127\.0\.0\.1:\d+ .* ▮▮▮▮▮ 8 .* route$/);
    expect(lines[6]).toMatch(/^alice /);
    expect(lines).toHaveLength(8);
    expect(out).not.toContain('\u001b');
  });

  it('is a stream of objects with an interval, until it is ended', async () => {
    await using busy = await BusyGateway.start();
    for (const name of ['alice', 'alina', 'bob']) busy.add(name);
    await expect.poll(() => busy.server.gateway.connections, { timeout: 10_000 }).toBe(3);
    const io = new TestIo();
    const argv = [
      'top',
      '--admin',
      busy.server.admin,
      '-o',
      'json',
      '-i',
      '100ms',
      '--match',
      'ALI',
      '-n',
      '1',
    ];
    const running = io.run(argv);
    await io.stdout.until((text) => text.split('\n').length > 2);
    io.interrupt();
    expect(await running).toBe(0);
    const [first] = io.stdout.text
      .split('\n')
      .map((line) => JSON.parse(line || '{}') as Record<string, unknown>);
    expect(first).toMatchObject({
      at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      ready: true,
      connections: { active: 3 },
      total: 2,
      shown: [{ clientId: expect.stringMatching(/^ali/) as string }],
    });
  });

  it('shows those alone that are held up', async () => {
    await using busy = await BusyGateway.start();
    busy.add('alice');
    busy.add('stuck', { route: 'stuck', messages: 20 });
    await expect.poll(() => busy.slow(), { timeout: 10_000 }).toEqual({ route: 1 });
    const { out } = await runSluice(['top', '--admin', busy.server.admin, '--slow', '--output', 'json']);
    expect(JSON.parse(out)).toMatchObject({ total: 1, shown: [{ clientId: 'stuck', slowBecause: 'route' }] });
  });
});
