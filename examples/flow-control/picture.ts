import { writeChart, type Series } from '../kit/chart.js';
import type { Viewer } from './viewer.js';
import { QUEUE_LIMIT, type Watch } from './watch.js';

export function drawn(file: string, watch: Watch): void {
  const { viewers, looks, startedMs } = watch;
  const secondsOf = (atMs: number) => (atMs - startedMs) / 1_000;
  const ofEach = (points: (viewer: Viewer) => Series['points'], shape: Series['shape'] = 'line') =>
    viewers.map((viewer): Series => ({ name: viewer.name, points: points(viewer), shape }));
  const seen = ofEach((viewer) => viewer.seen.map(({ n, atMs }) => [secondsOf(atMs), n] as const), 'steps');
  writeChart(file, {
    title: 'Flow control: one feed, every overflow policy',
    subtitle:
      'A step of more than one has lost something; the fast one sees all there is, and notices nothing of the others.',
    panels: [
      { title: 'Quote seen', unit: 'number', height: 320, series: seen },
      {
        title: 'The same, the first seconds',
        unit: 'number',
        height: 260,
        seconds: { from: 0, to: 4 },
        max: 160,
        series: seen,
      },
      {
        title: 'How old it was then',
        unit: 's',
        series: ofEach(({ seen }) =>
          seen.map(({ atMs, ageMs }) => [secondsOf(atMs), ageMs / 1_000] as const),
        ),
      },
      {
        title: 'Queue in the gateway',
        unit: 'messages',
        limit: { name: `limit ${QUEUE_LIMIT}`, value: QUEUE_LIMIT },
        max: QUEUE_LIMIT + 5,
        series: ofEach(({ name }) =>
          looks.flatMap(({ atSeconds, sessions }) => {
            const session = sessions.get(name);
            return session === undefined ? [] : [[atSeconds, session.waiting] as const];
          }),
        ),
      },
    ],
  });
}
