/** The same as exercise.ts does, of the same three as routes of the gateway, with its own client. */
import { connect, type Client, type Message, type Session } from '../../src/client/index.js'; // in your own project: from 'sluice/client'
import type { Seen } from './exercise.js';
import { FILTERED, historicLines, MEASURED, WRONG, writingOn } from './exercise-data.js';
import type { LogFile } from './log-file.js';
import type { LogLine } from './services/log-lines.js';

export interface SeenNatively extends Seen {
  /** What was refused, by its code. */
  readonly refused: readonly string[];
}

export async function exerciseNative(address: string, log: LogFile): Promise<SeenNatively> {
  log.begin();
  log.write(historicLines());
  await using client = connect(address, { clientId: 'reader' });
  const refused: string[] = [];

  await using whole = await client.open('logs');
  await whole.sendAndWait('{"sinceMs":2,"untilMs":1}').catch((error: unknown) => {
    refused.push((error as { readonly code: string }).code);
  });
  await whole.send(JSON.stringify(FILTERED));
  const filtered: string[] = [];
  for await (const message of whole) filtered.push(textOf(message));

  const upload = client.ingest('metrics');
  for (const [name, value] of MEASURED) await upload.send(JSON.stringify({ name, value }));
  const { aggregates } = await upload.finish();
  // One that is wrong is refused alone: the others count.
  const wrong = client.ingest('metrics');
  for (const [name, value] of WRONG) await wrong.send(JSON.stringify({ name, value }));
  refused.push(`${(await wrong.finish()).rejected} of ${WRONG.length}`);

  return {
    filtered,
    followed: await follow(client, log),
    averages: Object.fromEntries(aggregates),
    heard: await talk(address),
    refused,
  };
}

async function follow(client: Client, log: LogFile): Promise<string[]> {
  await using session = await client.open('logs');
  await session.send('{"services":["web"],"sinceMs":1,"follow":true}');
  const seen: string[] = [];
  const isMoreToCome = writingOn(log);
  for await (const message of session) {
    seen.push(textOf(message));
    if (!isMoreToCome(seen.length)) break;
  }
  return seen;
}

/** A room is a session; who goes to another opens one there. */
async function talk(address: string): Promise<Record<string, string[]>> {
  await using ann = new Talker(address, 'ann');
  await using bob = new Talker(address, 'bob');
  await using cat = new Talker(address, 'cat');
  await ann.come('tea');
  await bob.come('tea');
  await cat.come('cake');
  await ann.say('who has milk?');
  await bob.say('I have');
  await bob.hears(1);
  await ann.hears(1);
  await bob.come('cake');
  await bob.say('is there any left?');
  await ann.say('Bob?');
  await cat.hears(1);
  await cat.say('a piece');
  await bob.hears(1);
  return { ann: ann.heard, bob: bob.heard, cat: cat.heard };
}

class Talker implements AsyncDisposable {
  readonly heard: string[] = [];
  readonly #client: Client;
  #room = '';
  #session: Session | undefined;

  constructor(address: string, user: string) {
    this.#client = connect(address, { clientId: user });
  }

  async come(room: string): Promise<void> {
    await this.#session?.close();
    this.#session = await this.#client.open('chat', { subject: room });
    this.#room = room;
  }

  async say(text: string): Promise<void> {
    await this.#session?.sendAndWait(text);
  }

  async hears(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) {
      const message = await this.#session?.receive();
      if (message !== undefined)
        this.heard.push(`${String(message.metadata.get('x-from'))} in ${this.#room}: ${message.text}`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}

function textOf(message: Message): string {
  const { timeMs, level, service, text } = JSON.parse(message.text) as LogLine;
  return `${timeMs} ${level} ${service}: ${text}`;
}
