/**
 * Twenty seconds: a log is written, somebody talks, somebody measures. Others
 * follow, listen and upload, by the services and natively at once, over a link
 * that is cut in the middle; two more read too slowly for most of the time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/index.js'; // in your own project: from 'sluice/client'
import type { Places } from './exercise.js';
import { followNatively, followService, type Seen } from './follower.js';
import type { LogFile } from './log-file.js';
import { Recording } from './recording.js';
import { talkByService, talkNatively } from './talkers.js';
import { uploadNatively, UploadToService } from './uploads.js';

export interface TimelineOptions {
  readonly log: LogFile;
  readonly seconds: number;
  readonly cutSeconds: number;
  /** Where the services are, and the same over the link. */
  readonly services: Places;
  readonly servicesOverLink: Places;
  readonly gateway: string;
  readonly gatewayOverLink: string;
  /** Cuts the link. */
  readonly cut: (forMs: number) => Promise<void>;
  /** How many lines have been read of the file for whom, by the service and by the route. */
  readonly readFor: ReadonlyMap<string, number>;
  readonly say: (text: string) => void;
}

/** One form beside the other. */
export interface Both<T> {
  readonly service: T;
  readonly native: T;
}

export interface Timeline {
  readonly written: number;
  readonly rotations: number;
  readonly said: number;
  readonly measured: number;
  /** Those whose link is cut. */
  readonly followed: Both<Seen> & {
    /** By the service, asking again since its last line. */
    readonly since: Seen;
  };
  readonly slow: Both<Seen>;
  readonly heard: Both<Seen>;
  /** What the answers to the uploads say to have counted. */
  readonly counted: Both<number>;
  readonly recording: Recording;
}

const LINES_PER_SECOND = 500;
const PADDING = 'x'.repeat(1_000);
const TICK_MS = 100;
/** A slow reader takes a line in so long. */
const SLOW_MS = 50;
/** When, as shares of the time. */
const AT = { rotations: [0.2, 0.5, 0.75], cut: 0.35, slowUntil: 0.6 };
/** For the slow to catch up, once nothing more is written. */
const CATCH_UP_SECONDS = 30;

export async function runTimeline(options: TimelineOptions): Promise<Timeline> {
  const { log, seconds, say, services, servicesOverLink, readFor } = options;
  log.begin();
  const beganMs = Date.now();
  const elapsed = (): number => (Date.now() - beganMs) / 1_000;
  const over = new AbortController();

  await using far = nativeClient('far', options.gatewayOverLink);
  await using near = nativeClient('near', options.gateway);
  const asked = { signal: over.signal, sinceMs: beganMs };
  const pace = (): number => (elapsed() < seconds * AT.slowUntil ? SLOW_MS : 0);
  const followed = {
    service: followService(servicesOverLink.logs, 'from now on', { ...asked, caller: 'service' }),
    since: followService(servicesOverLink.logs, 'since its last line', { ...asked, caller: 'since' }),
    native: await followNatively(far, { ...asked, caller: 'native' }),
  };
  const slow = {
    service: followService(services.logs, 'from now on', { ...asked, caller: 'slow-service', pace }),
    native: await followNatively(near, { ...asked, caller: 'slow-native', pace }),
  };
  const talks = {
    service: await talkByService(services.chat, servicesOverLink.chat),
    native: await talkNatively(near, far),
  };
  const uploads = {
    service: new UploadToService(servicesOverLink.metrics),
    native: await uploadNatively(far),
  };

  let written = 0;
  let said = 0;
  const recording = new Recording();
  recording.track('written', () => written);
  recording.track('said', () => said);
  for (const form of ['service', 'native'] as const) {
    const read = (): number => readFor.get(`slow-${form}`) ?? 0;
    recording.track(`seen, ${form}`, () => followed[form].seen.count);
    recording.track(`taken, ${form}`, () => slow[form].seen.count);
    recording.track(`read and not taken, ${form}`, () => Math.max(0, read() - slow[form].seen.count));
    recording.track(`heard, ${form}`, () => talks[form].heard.count);
  }

  let cutting: Promise<void> | undefined;
  let rotations = 0;
  let tellAt = 1;
  for (let at = 0; at < seconds; at = elapsed()) {
    recording.sample(at);
    const timeMs = Date.now();
    const lines = Array.from({ length: Math.floor(at * LINES_PER_SECOND) - written }, () => {
      written += 1;
      return { timeMs, level: 'info', service: 'api', text: `line ${written} ${PADDING}` } as const;
    });
    log.write(lines);
    said += 1;
    for (const form of ['service', 'native'] as const) {
      talks[form].say(`line ${said}`);
      uploads[form].measure(said);
    }
    if (at > seconds * (AT.rotations[rotations] ?? Infinity)) {
      rotations += 1;
      log.rotate();
      say('the log is rotated');
    }
    if (at > seconds * AT.cut && cutting === undefined) {
      say(`the link is cut, for ${options.cutSeconds} s`);
      cutting = options.cut(options.cutSeconds * 1_000);
    }
    if (at >= tellAt) {
      tellAt += 1;
      say(
        `${written} lines: by the service ${followed.service.seen.count}, natively ${followed.native.seen.count}, ` +
          `slow ${slow.service.seen.count} and ${slow.native.seen.count}; ` +
          `${said} said: heard ${talks.service.heard.count} and ${talks.native.heard.count}`,
      );
    }
    await sleep(TICK_MS);
  }
  await cutting;
  say('nothing more is written: the slow catch up');
  const toSeeAll = [followed.since, followed.native, slow.service, slow.native];
  const isBehind = (): boolean =>
    toSeeAll.some(({ seen }) => seen.last < written) || talks.native.heard.last < said;
  while (isBehind() && elapsed() < seconds + CATCH_UP_SECONDS) {
    recording.sample(elapsed());
    await sleep(TICK_MS);
  }
  const counted = { service: await uploads.service.end(), native: await uploads.native.end() };
  recording.sample(elapsed());
  over.abort();
  await Promise.all([followed.service, ...toSeeAll].map(({ done }) => done));
  await Promise.all([talks.service.end(), talks.native.end()]);
  return {
    written,
    rotations,
    said,
    measured: uploads.native.sent,
    followed: {
      service: followed.service.seen,
      since: followed.since.seen,
      native: followed.native.seen,
    },
    slow: { service: slow.service.seen, native: slow.native.seen },
    heard: { service: talks.service.heard, native: talks.native.heard },
    counted,
    recording,
  };
}

function nativeClient(clientId: string, address: string) {
  return connect(address, { clientId, backoff: { firstMs: 100, maxMs: 200 } });
}
