/** What a terminal shows while it runs. */
import { bar } from '../kit/live-view.js';
import type { Viewer } from './viewer.js';
import { QUEUE_LIMIT, type Watch } from './watch.js';

export function screenOf(watch: Watch): readonly string[] {
  const sessions = watch.looks.at(-1)?.sessions;
  return [
    `${' '.repeat(13)}${`queue of ${QUEUE_LIMIT}`.padEnd(24)}   seen   lost   gaps   quote         behind`,
    ...watch.viewers.map((viewer) => {
      const waiting = sessions?.get(viewer.name)?.waiting;
      const queue =
        waiting === undefined ? 'ended' : `${bar(waiting, QUEUE_LIMIT, 20)} ${String(waiting).padStart(2)}`;
      const counts = [viewer.seen.length, viewer.told, viewer.gaps].map((count) => String(count).padStart(6));
      return `${viewer.name.padEnd(12)} ${queue.padEnd(24)} ${counts.join(' ')}   ${placeOf(viewer)} ${viewer.endCode}`;
    }),
    '',
    `alert: ${watch.alert.state}`,
  ];
}

export function lineOf(watch: Watch): string {
  const sessions = watch.looks.at(-1)?.sessions;
  const each = watch.viewers.map(
    ({ name, seen, told }) => `${name} ${sessions?.get(name)?.waiting ?? '-'}/${seen.length}/${told}`,
  );
  return `waiting/seen/lost: ${each.join(', ')} · alert ${watch.alert.state}`;
}

function placeOf({ seen, feed }: Viewer): string {
  const last = seen.at(-1);
  const age = last === undefined ? '' : `${(last.ageMs / 1_000).toFixed(1)} s`;
  return `${String(last?.n ?? 0).padStart(4)} of ${String(feed.published).padEnd(4)} ${age.padStart(6)}`;
}
