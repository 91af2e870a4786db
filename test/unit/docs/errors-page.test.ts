import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { expect, test } from 'vitest';
import { type ClientErrorCode, clientErrors } from '../../../src/client/client-error.js';
import { clientErrorMeanings } from '../../../src/client/client-error-meanings.js';
import { type ErrorNote, errorNotes } from '../../../src/core/error-notes.js';
import { errorCatalogue, type ErrorCode, GrpcStatus, type CatalogueEntry } from '../../../src/core/errors.js';

// `npm run docs` runs this file with --update, which writes what is compared here.

const PAGE = fileURLToPath(new URL('../../../docs/errors.md', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MARK = '<!-- Generated from src/core/errors.ts and src/client/client-error.ts by `npm run docs`. -->';

const entries = Object.entries<CatalogueEntry>(errorCatalogue);
const statusName = new Map(Object.entries(GrpcStatus).map(([name, code]) => [code as number, name]));

/** Codes that some code of this version raises, as an error or as the reason of a Gap. */
function raisedCodes(): ReadonlySet<string> {
  const sources = readdirSync(`${ROOT}/src`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(`${ROOT}/src/${path}`, 'utf8'));
  const raised = sources.join('\n').matchAll(/(?:new SluiceError\(|reason =)\s*'([A-Z_]+)'/g);
  return new Set([...raised].map((match) => match[1] ?? ''));
}

function table(of: readonly [string, CatalogueEntry][]): string {
  const rows = of.map(([code, entry]) => {
    const { setting: keys, meaning }: ErrorNote = errorNotes[code as ErrorCode];
    const setting = keys === undefined ? '' : ` Setting: \`${keys.split(', ').join('`, `')}\`.`;
    const status = statusName.get(entry.grpcStatus) ?? '';
    return `| \`${code}\` | ${entry.scope} | ${status} | ${entry.webSocketClose} | ${entry.httpStatus} | ${entry.retry} | ${meaning}${setting} |`;
  });
  return [
    '| code | ends | gRPC status | WebSocket | HTTP | retry | meaning |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** What only a client can find out. */
function clientTable(): string {
  const rows = Object.entries(clientErrors).map(
    ([code, { scope, retry }]) =>
      `| \`${code}\` | ${scope} | ${retry} | ${clientErrorMeanings[code as ClientErrorCode]} |`,
  );
  return ['| code | ends | retry | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

test('the tables of docs/errors.md are what the catalogue says', async () => {
  const raised = raisedCodes();
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toContain(MARK);
  const head = page.slice(0, page.indexOf(MARK) + MARK.length);
  const body = [
    head,
    '## What this version raises',
    table(entries.filter(([code]) => raised.has(code))),
    '## What only a client can find out',
    'Codes of the client for Node.js ([sdk.md](sdk.md)), beside all of the above: its `ClientError` has one of both in `code`.',
    clientTable(),
    '## Reserved for what is to come',
    'Clients can prepare for these; nothing in this version raises them.',
    table(entries.filter(([code]) => !raised.has(code))),
  ].join('\n\n');
  await expect(await format(body, { parser: 'markdown', printWidth: 110 })).toMatchFileSnapshot(PAGE);
});

test('no code of the client is one of the gateway, too', () => {
  expect(Object.keys(clientErrors).filter((code) => code in errorCatalogue)).toEqual([]);
});

test('WebSocket close codes are registered ones or private (RFC 6455 section 7.4)', () => {
  for (const [code, entry] of entries) {
    const { webSocketClose } = entry;
    expect(
      [1001, 1009, 1011, 1013].includes(webSocketClose) || (webSocketClose >= 4000 && webSocketClose <= 4999),
      code,
    ).toBe(true);
  }
});

test('every setting that an error names is a key of the configuration', async () => {
  const { settingsOf } = await import('../../../src/config/setting.js');
  const { schema } = await import('../../../src/config/schema.js');
  const { proxyOptions } = await import('../../../src/config/proxy-options.js');
  const { rateLimitOptions } = await import('../../../src/config/rate-limit-options.js');
  const { routeKinds } = await import('../../../src/config/route-kinds.js');
  const ofRoutes = Object.values(routeKinds).flatMap((options) => Object.keys(options));
  const keys = new Set([
    ...settingsOf(schema).map(({ key }) => key),
    ...Object.keys(proxyOptions).map((name) => `proxies.<name>.${name}`),
    ...Object.keys(rateLimitOptions).map((name) => `rateLimits.<name>.${name}`),
    ...ofRoutes.map((name) => `routes.<name>.${name}`),
  ]);
  for (const [code, { setting: named }] of Object.entries(errorNotes)) {
    for (const setting of named?.split(', ') ?? [])
      expect(keys, `${code} names ${setting}`).toContain(setting);
  }
});
