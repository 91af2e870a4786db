import { join } from 'node:path';
import { writeChart } from '../kit/chart.js';
import type { Timeline } from './timeline.js';

const PROXIED = 'by the service, proxied';
const NATIVE = 'by the native route';

/** Writes what the time looked like; returns where. */
export function drawTimeline(folder: string, { recording }: Timeline): string {
  const file = join(folder, 'patterns.svg');
  writeChart(file, {
    title: 'The same log and the same chat, by proxied services and by native routes',
    subtitle:
      'The link is cut for a while: the proxied call ends, and what came meanwhile is missed for good; the native session goes on.',
    panels: [
      {
        title: 'Log: written, and not seen over the link that is cut',
        unit: 'lines',
        series: [
          recording.behind('seen, service', 'written', PROXIED),
          recording.behind('seen, native', 'written', NATIVE),
        ],
      },
      {
        title: 'Chat: said, and not heard over that link',
        unit: 'messages',
        series: [
          recording.behind('heard, service', 'said', PROXIED),
          recording.behind('heard, native', 'said', NATIVE),
        ],
      },
      {
        title: 'Log: read by who is slow at first',
        unit: 'lines',
        series: [
          recording.series('taken, service', PROXIED),
          recording.series('taken, native', NATIVE),
          recording.series('written'),
        ],
      },
      {
        title: 'Log: read of the file for him, and not taken yet',
        unit: 'lines',
        series: [
          recording.series('read and not taken, service', PROXIED),
          recording.series('read and not taken, native', NATIVE),
        ],
      },
    ],
  });
  return file;
}
