/** What the native routes do that the services do not, each tried once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/index.js'; // in your own project: from 'sluice/client'
import { historicLines } from './exercise-data.js';
import type { LogFile } from './log-file.js';
import type { LogLine } from './services/log-lines.js';

export interface Beyond {
  /** Who is in the room, as one of them is told. */
  readonly present: readonly string[];
  /** What one hears who comes later, and wants the last two. */
  readonly history: readonly string[];
  /** Of a reader who would rather lose lines than hold anybody back: what came, and what was told to be lost. */
  readonly dropped: { readonly written: number; readonly came: number; readonly lost: number };
  /** The levels of the lines before and after the filter was changed, in the same session. */
  readonly levels: readonly [before: readonly string[], after: readonly string[]];
}

export async function goBeyond(address: string, log: LogFile): Promise<Beyond> {
  return {
    ...(await talk(address)),
    dropped: await drop(address, log),
    levels: await refilter(address, log),
  };
}

async function talk(address: string): Promise<Pick<Beyond, 'present' | 'history'>> {
  await using ann = connect(address, { clientId: 'ann' });
  await using bob = connect(address, { clientId: 'bob' });
  const speaking = await ann.open('chat', { subject: 'library' });
  for (const text of ['one', 'two', 'three']) await speaking.sendAndWait(text);
  const late = await bob.open('chat', { subject: 'library', history: 2 });
  const history = [(await late.receive())?.text ?? '', (await late.receive())?.text ?? ''];
  await late.send('', { metadata: { 'x-presence': 'who' } });
  return { history, present: JSON.parse((await late.receive())?.text ?? '[]') as string[] };
}

/** A slow beginning: the route has read everything by then, and what found no room was dropped. */
async function drop(address: string, log: LogFile): Promise<Beyond['dropped']> {
  const lines = Array.from({ length: 10 }, historicLines).flat();
  log.begin();
  log.write(lines);
  await using client = connect(address, { clientId: 'hasty' });
  let lost = 0;
  const session = await client.open('logs', {
    overflow: 'drop-oldest',
    window: { messages: 16 },
    onGap: ({ fromSequence, toSequence }) => (lost += toSequence - fromSequence + 1),
  });
  await session.send('{}');
  let came = 0;
  for await (const _ of session) {
    came += 1;
    if (came <= 50) await sleep(10);
  }
  return { written: lines.length, came, lost };
}

async function refilter(address: string, log: LogFile): Promise<Beyond['levels']> {
  log.begin();
  await using client = connect(address, { clientId: 'choosy' });
  const session = await client.open('logs');
  const ask = (minLevel: string): Promise<void> =>
    session.sendAndWait(JSON.stringify({ minLevel, sinceMs: 1, follow: true }));
  const take = async (count: number): Promise<string[]> => {
    const levels: string[] = [];
    while (levels.length < count) {
      const message = await session.receive();
      levels.push((JSON.parse(message?.text ?? '{}') as LogLine).level);
    }
    return levels;
  };
  await ask('warn');
  log.write(historicLines().slice(0, 8));
  const before = await take(4);
  await ask('error');
  log.write(historicLines().slice(8, 16));
  return [before, await take(2)];
}
