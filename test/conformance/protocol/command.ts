import { parseArgs } from 'node:util';
import { SystemClock } from '../../../src/core/clock.js';
import type { StreamMethod } from '../../../src/transport/contract.js';
import { Skipped } from '../skipped.js';
import { addressSource, isMeant, Unusable, type AddressOptions } from './address-target.js';
import { play, type Case } from './case.js';
import { sections } from './cases/index.js';
import type { TargetSource } from './target.js';

const HELP = `Usage: npm run conformance -- --target HOST:PORT [options]

Speaks the session protocol (docs/protocol.md) with the gateway at an address, case by case.

  --target HOST:PORT    the gateway; https://HOST:PORT speaks TLS (NODE_EXTRA_CA_CERTS names a CA)
  --route NAME          its route of kind conformance                       (conformance)
  --whole-route NAME    the same with payload: whole                        (NAME of --route, and -whole)
  --method METHOD       StreamData or StreamBatches                         (both, one after the other)
  --only TEXT           only the cases whose section or name holds the text
  --list                says which cases there are, and runs none
  --patience SECONDS    how long to wait for what must come                 (10)
  --max-wait SECONDS    cases that must let more time pass are skipped      (10)
  --help                this text

Exit code: 0 when no case failed, 1 when one did, 2 when the suite could not be run.`;

const clock = new SystemClock();

interface Options extends AddressOptions {
  readonly methods: readonly StreamMethod[];
  readonly only: string | undefined;
  readonly list: boolean;
}

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

function secondsOf(name: string, text: string): number {
  const seconds = Number(text);
  if (text === '' || !(seconds >= 0)) throw new Unusable(`--${name}: "${text}" is no number of seconds`);
  return seconds * 1_000;
}

function methodsOf(text: string | undefined): readonly StreamMethod[] {
  if (text === undefined) return ['StreamData', 'StreamBatches'];
  if (text === 'StreamData' || text === 'StreamBatches') return [text];
  throw new Unusable(`--method: "${text}" is neither StreamData nor StreamBatches`);
}

function urlOf(target: string | undefined): string {
  if (target === undefined) throw new Unusable('--target HOST:PORT is missing; --help says more');
  const text = /^https?:\/\//.test(target) ? target : `http://${target}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // URL drops a port that is the scheme's default.
  if (url === undefined || !/:\d+\/?$/.test(text))
    throw new Unusable(`--target: "${target}" is no HOST:PORT`);
  return text.replace(/\/$/, '');
}

/** Undefined: only the help was asked for. */
function optionsOf(argv: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        target: text,
        route: text,
        'whole-route': text,
        method: text,
        only: text,
        patience: text,
        'max-wait': text,
        list: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    throw new Unusable(`${error instanceof Error ? error.message : String(error)}; --help says more`);
  }
  if (values.help === true) return undefined;
  const { route = 'conformance', list = false } = values;
  return {
    url: list ? '' : urlOf(values.target),
    route,
    wholeRoute: values['whole-route'] ?? `${route}-whole`,
    methods: methodsOf(values.method),
    only: values.only,
    list,
    patienceMs: secondsOf('patience', values.patience ?? '10'),
    maxWaitMs: secondsOf('max-wait', values['max-wait'] ?? '10'),
  };
}

async function runCase(
  source: TargetSource,
  title: string,
  one: Case,
  tally: Tally,
  say: (line: string) => void,
): Promise<void> {
  const startedAt = clock.now();
  const line = `${title}: ${one.name}`;
  try {
    await play(source, one);
    tally.passed += 1;
    say(`ok    ${line} (${Math.round(clock.now() - startedAt)} ms)`);
  } catch (error) {
    if (error instanceof Skipped) {
      tally.skipped += 1;
      say(`skip  ${line} (${error.message})`);
      return;
    }
    tally.failed += 1;
    say(`FAIL  ${line}`);
    const text = error instanceof Error ? error.message : String(error);
    for (const detail of text.split('\n')) say(`      ${detail}`);
  }
}

async function run(options: Options, say: (line: string) => void): Promise<number> {
  const meant = sections.flatMap(({ title, cases }) =>
    cases.filter((one) => isMeant(options.only, title, one)).map((one) => ({ title, one })),
  );
  if (meant.length === 0) throw new Unusable(`no case holds "${options.only ?? ''}" (--only)`);
  if (options.list) {
    for (const { title, one } of meant) say(`${title}: ${one.name}`);
    return 0;
  }
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  for (const method of options.methods) {
    const source = await addressSource(options, method);
    say(`\n${source.name}\n`);
    for (const { title, one } of meant) await runCase(source, title, one, tally, say);
  }
  say(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
  return tally.failed === 0 ? 0 : 1;
}

/**
 * Runs the suite against a gateway at an address, as `argv` says. `say` takes
 * each line as it comes, `complain` why nothing could be run. Resolves with the
 * exit code.
 */
export async function conformance(
  argv: readonly string[],
  say: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  try {
    const options = optionsOf(argv);
    if (options !== undefined) return await run(options, say);
    say(HELP);
    return 0;
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    complain(`conformance: ${error.message}`);
    return 2;
  }
}
