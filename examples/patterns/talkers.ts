/** One says something all the time, another listens over a link that is cut: by the service, and natively. */
import { credentials, type ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import type { Client, Session } from '../../src/client/index.js';
import { Seen, SOON } from './follower.js';
import { type ChatClient, type ChatMessage, ChatService } from './services/protos.js';

const ROOM = 'tea';

export interface Talk {
  readonly heard: Seen;
  say(text: string): void;
  end(): Promise<void>;
}

/** By `ChatService`: a listener whose call broke goes into the room again. */
export async function talkByService(speakAt: string, listenAt: string): Promise<Talk> {
  const speakers = clientOf(speakAt);
  const listeners = clientOf(listenAt);
  const heard = new Seen();
  let isOver = false;
  let listening: ClientDuplexStream<ChatMessage, ChatMessage> | undefined;
  const listen = (onHere?: () => void): void => {
    listening = listeners.chat(new Metadata());
    listening.on('data', ({ text = '', here = [] }: ChatMessage) => {
      if (here.length > 0) onHere?.();
      else heard.add(text);
    });
    listening.on('error', () => {
      if (!isOver) setTimeout(listen, 100);
    });
    listening.write({ user: 'listener', room: ROOM });
  };
  await new Promise<void>((resolve) => {
    listen(resolve);
  });
  const speaking = speakers.chat(new Metadata());
  speaking.on('error', () => undefined).resume();
  speaking.write({ user: 'speaker', room: ROOM });
  return {
    heard,
    say: (text) => void speaking.write({ text }),
    async end() {
      isOver = true;
      speaking.cancel();
      listening?.cancel();
      speakers.close();
      listeners.close();
    },
  };
}

/** By a topic: a room is its subject. */
export async function talkNatively(speaker: Client, listener: Client): Promise<Talk> {
  const listening = await listener.open('chat', { subject: ROOM });
  const speaking = await speaker.open('chat', { subject: ROOM });
  const heard = new Seen();
  const done = listen(listening, heard);
  return {
    heard,
    say: (text) => void speaking.send(text),
    async end() {
      await speaking.close();
      await listening.close();
      await done;
    },
  };
}

async function listen(session: Session, heard: Seen): Promise<void> {
  for await (const message of session) heard.add(message.text);
}

function clientOf(address: string): ChatClient {
  return new ChatService(address, credentials.createInsecure(), SOON) as unknown as ChatClient;
}
