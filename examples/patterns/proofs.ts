import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { most } from '../kit/figures.js';
import type { Report } from '../kit/report.js';
import type { Beyond } from './beyond.js';
import { MEASURED } from './exercise-data.js';
import type { Seen, SeenOverGrpc } from './exercise.js';
import type { SeenNatively } from './exercise-native.js';
import type { Timeline } from './timeline.js';

export function proveSame(
  report: Report,
  direct: SeenOverGrpc,
  proxied: SeenOverGrpc,
  native: SeenNatively,
): void {
  const { filtered, followed, averages, grpc } = direct;
  report.prove(
    'the same client sees the same directly and through the gateway',
    isDeepStrictEqual(direct, proxied),
    `${filtered.length} lines filtered, ${followed.length} followed over a rotation and a truncation, ` +
      `${Object.keys(averages).length} averages of ${MEASURED.length} values, a chat of three, ` +
      `${grpc.length} statuses with their headers, trailers and details`,
  );
  report.prove(
    'the native routes say the same',
    isDeepStrictEqual(saidOf(native), saidOf(direct)),
    `lines, averages and talk; what is wrong is refused: ${native.refused.join(', ')}`,
  );
}

/** What only the native form has. */
export function proveBeyond(report: Report, { present, history, dropped, levels }: Beyond): void {
  report.prove(
    'who comes later hears the last that was said, and is told who is there',
    isDeepStrictEqual(
      [history, present],
      [
        ['two', 'three'],
        ['ann', 'bob'],
      ],
    ),
    `heard ${history.join(', ')}; there are ${present.join(', ')}`,
  );
  report.prove(
    'a session changes its filter in mid-stream',
    isDeepStrictEqual(levels, [
      ['warn', 'error', 'warn', 'error'],
      ['error', 'error'],
    ]),
    levels.map((each) => each.join(' ')).join(', then '),
  );
  report.prove(
    'a reader who would rather lose lines than hold anybody back is told how many',
    dropped.lost > 0 && dropped.came + dropped.lost === dropped.written,
    `${dropped.came} came and ${dropped.lost} were told to be lost, of ${dropped.written}`,
  );
}

/**
 * So many lines of 1 KiB may be between the file and a reader. By the service:
 * the HTTP/2 windows before and behind the gateway (256 and 64 KiB), its queue
 * (`queueSize`, 256 KiB) and a chunk of the network, in the libraries at both
 * ends 16 messages each, with some air. Natively: the session's window (256) and
 * what waits behind it (`session.waitingMessages`, 512), and the one that is sent.
 */
const MOST_AHEAD = { service: 720, native: 769 } as const;

/** What the picture shows, in figures. */
export function proveTimeline(report: Report, timeline: Timeline): void {
  const { written, rotations, said, measured, followed, slow, heard, counted, recording } = timeline;
  const missed = written - followed.service.count;
  report.prove(
    'a proxied call ends with its connection, and what is written until the client has called again it has not seen',
    missed > 0,
    `${missed} of ${written} lines`,
  );
  report.prove(
    'asking again since the last line, which this service offers, misses nothing, and brings lines twice',
    followed.since.count === written && followed.since.twice > 0,
    `${written - followed.since.count} missed, ${followed.since.twice} twice`,
  );
  report.prove(
    'the native session goes on, each line once and in order, with nothing done about it',
    isWhole(followed.native, written),
    `${followed.native.count} of ${written}, ${followed.native.twice} twice`,
  );
  for (const form of ['service', 'native'] as const) {
    const ahead = recording.most(`read and not taken, ${form}`);
    report.prove(
      form === 'service'
        ? 'a slow reader holds back the reading of the file through the proxy, and misses nothing'
        : 'a slow reader holds back the reading of the file natively, and misses nothing',
      isWhole(slow[form], written) && ahead <= MOST_AHEAD[form],
      `at most ${ahead} lines of 1 KiB read and not taken, of ${written} in ${rotations + 1} files`,
    );
  }
  report.prove(
    'a listener in the proxied chat misses what is said while its link is cut, a native one nothing',
    heard.service.count < said && isWhole(heard.native, said),
    `heard ${heard.service.count} and ${heard.native.count} of ${said}`,
  );
  report.prove(
    'a proxied upload begins anew after the cut, a native session counts on',
    counted.service < measured && counted.native === measured,
    `the answers count ${counted.service} and ${counted.native} of ${measured}`,
  );
}

/** By what LogService says of its calls, cut, cancelled and expired ones: how many were open when one came or went. */
export async function proveLeft(report: Report, open: readonly number[]): Promise<void> {
  for (let waits = 0; open.at(-1) !== 0 && waits < 100; waits += 1) await sleep(100);
  report.prove(
    'a call that its client leaves, or loses, ends at the service',
    open.at(-1) === 0,
    `${Math.ceil(open.length / 2)} calls of LogService, at most ${most(open)} at a time, ${open.at(-1) ?? 0} left`,
  );
}

/** All of them, once, in order. */
function isWhole({ count, twice, outOfOrder }: Timeline['slow']['service'], all: number): boolean {
  return count === all && twice === 0 && outOfOrder === 0;
}

function saidOf({ filtered, followed, averages, heard }: Seen): Seen {
  return { filtered, followed, averages, heard };
}
