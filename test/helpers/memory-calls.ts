/** A server over the memory transport with a route of topics, and clients that call it; the test moves its time. */
import type { StreamSettings } from '../../src/server/settings.js';
import type { Published, TopicRoute } from '../../src/session/topic-route.js';
import {
  MemoryConnection,
  type MemoryConnectionOptions,
} from '../../src/transport/memory/memory-connection.js';
import { dataMessage, type DataMessage, type Gap, isData, MessageType } from '../../src/wire/messages.js';
import {
  decodeIngestSummary,
  decodePublishResponse,
  encodePublishRequest,
  encodeSubscribeRequest,
} from '../../src/wire/topic-codec.js';
import type { PublishRequest, SubscribeRequest } from '../../src/wire/topic-messages.js';
import { memoryServer } from './memory-server.js';
import { testTopics } from './test-topics.js';

export const OVERFLOW = {
  none: 0,
  block: 1,
  'drop-oldest': 2,
  'drop-newest': 3,
  conflate: 4,
  disconnect: 5,
} as const;

export type CallsWorld = ReturnType<typeof callsWorld>;

export function callsWorld(
  settings: Partial<StreamSettings> = {},
  topics: Parameters<typeof testTopics>[1] = {},
) {
  let topic: TopicRoute | undefined;
  const world = memoryServer((clock) => {
    const route = testTopics(clock, topics);
    topic = route.topic;
    return route;
  }, settings);
  return { ...world, topic: topic! };
}

/** In this process, as a session or the edge does: `texts` one after the other. */
export async function say(
  { topic }: CallsWorld,
  subject: string,
  texts: readonly string[],
  key = '',
): Promise<Published[]> {
  const published: Published[] = [];
  for (const text of texts) {
    published.push(await topic.publish(subject, { data: Buffer.from(text), key, from: 'somebody' }));
  }
  return published;
}

export function call(
  { server, clock }: Pick<CallsWorld, 'server' | 'clock'>,
  method: 'Publish' | 'Subscribe' | 'Ingest',
  options: Partial<MemoryConnectionOptions> = {},
): MemoryConnection {
  return new MemoryConnection(server.accept, {
    clock,
    method,
    metadata: { 'x-client-id': 'ann' },
    ...options,
  });
}

/** Follows a topic; reads only when asked to. */
export function subscribe(
  world: Pick<CallsWorld, 'server' | 'clock'>,
  request: Partial<SubscribeRequest> = {},
  options: Partial<MemoryConnectionOptions> = {},
): MemoryConnection {
  const client = call(world, 'Subscribe', options);
  const body = encodeSubscribeRequest({
    topic: 'test/room',
    afterSequence: 0,
    history: 0,
    overflow: 0,
    ...request,
  });
  client.send(dataMessage({ data: body }));
  client.halfClose();
  return client;
}

export function publishing(
  world: Pick<CallsWorld, 'server' | 'clock'>,
  request: Partial<PublishRequest> = {},
  options: Partial<MemoryConnectionOptions> = {},
): MemoryConnection {
  const client = call(world, 'Publish', options);
  const body = encodePublishRequest({
    topic: 'test/room',
    data: Buffer.from('x'),
    key: '',
    metadata: undefined,
    idempotencyKey: '',
    ttlMs: 0,
    ...request,
  });
  client.send(dataMessage({ data: body }));
  client.halfClose();
  return client;
}

/** The answer of Publish. */
export async function publishedBy(client: MemoryConnection): Promise<Published> {
  const answer = await client.receive();
  if (answer === undefined) throw (await client.ended).error ?? new Error('no answer');
  return decodePublishResponse(answer.data);
}

export async function summaryOf(client: MemoryConnection) {
  const answer = await client.receive();
  if (answer === undefined) throw (await client.ended).error ?? new Error('no answer');
  return decodeIngestSummary(answer.data);
}

/** In words: `welcome 7`, `8 text`, `gap 9-10 overflow`, `heartbeat 11`, `drain`. */
function inWords(message: DataMessage): string {
  const { control, sequence } = message;
  if (isData(message)) return `${sequence} ${Buffer.from(message.data).toString()}`;
  if (message.type === MessageType.HEARTBEAT) return `heartbeat ${sequence}`;
  if (control?.action === 'gap') return gapInWords(control);
  if (control?.action === 'welcome') return `welcome ${sequence}`;
  return control?.action ?? `type ${message.type}`;
}

function gapInWords({ fromSequence, toSequence, reason }: Gap): string {
  return `gap ${fromSequence}-${toSequence} ${reason}`;
}

/** All that comes until nothing more does, in words, counted from the position of `base`. */
export class Listener {
  readonly words: string[] = [];
  readonly messages: DataMessage[] = [];
  readonly client: MemoryConnection;
  readonly #done: Promise<void>;

  constructor(client: MemoryConnection, base = 0) {
    this.client = client;
    this.#done = (async () => {
      for await (const message of client) {
        this.messages.push(message);
        this.words.push(inWords(message).replace(/\d{6,}/g, (number) => String(Number(number) - base)));
      }
    })();
  }

  /** Resolves when it is over. */
  get over(): Promise<void> {
    return this.#done;
  }
}
