/**
 * Ordinary clients of the three services, made from their proto files with
 * grpc-js, and what they saw: they have no way to tell whether a gateway is in between.
 */
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  Metadata,
  status,
  type StatusObject,
} from '@grpc/grpc-js';
import { FILTERED, historicLines, MEASURED, writingOn, WRONG } from './exercise-data.js';
import type { LogFile } from './log-file.js';
import {
  ChatService,
  type ChatClient,
  type ChatMessage,
  type LogClient,
  type LogEntry,
  type LogRequest,
  LogService,
  type MetricsClient,
  MetricsService,
  type MetricsSummary,
} from './services/protos.js';

/** Where the three are; all the same where it is a gateway. */
export type Places = Readonly<Record<'logs' | 'metrics' | 'chat', string>>;

/** What was said, however it came. */
export interface Seen {
  /** The lines of a service from a level on, from a time to another. */
  readonly filtered: readonly string[];
  /** The lines written meanwhile, over a rotation and a truncation. */
  readonly followed: readonly string[];
  readonly averages: Readonly<Record<string, number>>;
  /** By who heard it. */
  readonly heard: Readonly<Record<string, readonly string[]>>;
}

export interface SeenOverGrpc extends Seen {
  /** Headers, trailers, statuses and their details, in the order of the calls. */
  readonly grpc: readonly unknown[];
}

export async function exercise(places: Places, log: LogFile): Promise<SeenOverGrpc> {
  const plain = credentials.createInsecure();
  const logs = new LogService(places.logs, plain) as unknown as LogClient;
  const metrics = new MetricsService(places.metrics, plain) as unknown as MetricsClient;
  const chat = new ChatService(places.chat, plain) as unknown as ChatClient;
  try {
    log.begin();
    log.write(historicLines());
    const grpc: unknown[] = [];
    const { services, minLevel, sinceMs, untilMs } = FILTERED;
    const request = { services, minLevel: `LEVEL_${minLevel.toUpperCase()}`, sinceMs, untilMs };
    const filtered = await streamed(logs, request, grpc);
    await streamed(logs, { sinceMs: 2, untilMs: 1 }, grpc);
    // Nothing of this service is ever written: the deadline ends it.
    await streamed(logs, { services: ['nobody'], follow: true }, grpc, { deadlineMs: 1_000 });
    const followed = await follow(logs, log, grpc);
    const averages = await record(metrics, MEASURED, grpc);
    await record(metrics, WRONG, grpc);
    const heard = await talk(chat, grpc);
    return { filtered: filtered.map(textOf), followed, averages: averages?.averages ?? {}, heard, grpc };
  } finally {
    for (const client of [logs, metrics, chat]) client.close();
  }
}

async function streamed(
  client: LogClient,
  request: LogRequest,
  grpc: unknown[],
  { deadlineMs }: { readonly deadlineMs?: number } = {},
): Promise<LogEntry[]> {
  const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
  const call = client.streamLogs(request, new Metadata(), options);
  const entries: LogEntry[] = [];
  call.on('data', (entry: LogEntry) => entries.push(entry));
  grpc.push(await endOf(call));
  return entries;
}

/** Follows from the beginning; each part is written when the one before was seen. */
async function follow(client: LogClient, log: LogFile, grpc: unknown[]): Promise<string[]> {
  const call = client.streamLogs({ services: ['web'], sinceMs: 1, follow: true }, new Metadata());
  const end = endOf(call);
  const seen: string[] = [];
  const isMoreToCome = writingOn(log);
  call.on('data', (entry: LogEntry) => {
    seen.push(textOf(entry));
    if (!isMoreToCome(seen.length)) call.cancel();
  });
  grpc.push(await end);
  return seen;
}

function record(
  client: MetricsClient,
  measured: readonly (readonly [name: string, value: number])[],
  grpc: unknown[],
): Promise<MetricsSummary | undefined> {
  return new Promise((resolve) => {
    const call = client.recordMetrics(new Metadata(), (error, summary) => {
      grpc.push(error === null ? 'OK' : saidOf(error));
      resolve(summary);
    });
    for (const [name, value] of measured) call.write({ name, value });
    call.end();
  });
}

/** Ann and Bob drink tea, Cat has cake; Bob goes over to her. */
async function talk(client: ChatClient, grpc: unknown[]): Promise<Record<string, string[]>> {
  const ann = new Talker(client, 'ann');
  const bob = new Talker(client, 'bob');
  const cat = new Talker(client, 'cat');
  await ann.come('tea');
  await bob.come('tea');
  await cat.come('cake');
  ann.say('who has milk?');
  bob.say('I have');
  await bob.hears(1);
  await ann.hears(1);
  await bob.come('cake');
  bob.say('is there any left?');
  ann.say('Bob?');
  await cat.hears(1);
  cat.say('a piece');
  await bob.hears(2);
  const heard: Record<string, string[]> = {};
  for (const talker of [ann, bob, cat]) {
    grpc.push(await talker.leave());
    heard[talker.user] = talker.heard;
  }
  return heard;
}

class Talker {
  readonly user: string;
  readonly heard: string[] = [];
  readonly #call: ClientDuplexStream<ChatMessage, ChatMessage>;
  readonly #end: Promise<unknown>;
  #here = 0;
  #changed: () => void = () => undefined;

  constructor(client: ChatClient, user: string) {
    this.user = user;
    this.#call = client.chat(new Metadata());
    this.#end = endOf(this.#call);
    this.#call.on('data', ({ user: from = '', room = '', text = '', here = [] }: ChatMessage) => {
      if (here.length > 0) this.#here += 1;
      else this.heard.push(`${from} in ${room}: ${text}`);
      this.#changed();
    });
  }

  /** Resolves when the service has said who is there. */
  async come(room: string): Promise<void> {
    const here = this.#here;
    this.#call.write({ user: this.user, room });
    await this.#until(() => this.#here > here);
  }

  say(text: string): void {
    this.#call.write({ text });
  }

  hears(count: number): Promise<void> {
    return this.#until(() => this.heard.length >= count);
  }

  leave(): Promise<unknown> {
    this.#call.end();
    return this.#end;
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

/** How a call ended, and what came with it. */
function endOf(call: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>): Promise<unknown> {
  let headers: unknown;
  call.on('metadata', (metadata) => {
    headers = ownOf(metadata);
  });
  call.on('error', () => undefined);
  return new Promise((resolve) => {
    call.on('status', (end) => {
      resolve({ headers, ...saidOf(end) });
    });
  });
}

function saidOf({ code, details, metadata }: StatusObject): object {
  // How long the client waited is in the words of its own library.
  return {
    code,
    details: code === status.DEADLINE_EXCEEDED ? 'deadline' : details,
    trailers: ownOf(metadata),
  };
}

/** What the service said; not what is between it and its client. */
function ownOf(metadata: Metadata): object {
  const entries = Object.entries(metadata.getMap()).filter(([name]) => /^x-|^grpc-status-details/.test(name));
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString('hex') : value]),
  );
}

function textOf({ timeMs, level, service, text }: LogEntry): string {
  return `${timeMs} ${level.replace('LEVEL_', '').toLowerCase()} ${service}: ${text}`;
}
