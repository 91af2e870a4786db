/** Beginnings that many cases share. */
import assert from 'node:assert/strict';
import type { DataMessage, Open, Opened } from '../../../src/wire/messages.js';
import type { Peer } from './peer.js';
import { ack, open, resume, type Session } from './say.js';
import type { Stage } from './stage.js';

/** More, and heavier, than may wait for a client by default: 512 messages, 2 MiB. */
export const FLOOD = { produce: 2_000, size: 2_048 };

export interface Scene {
  readonly peer: Peer;
  readonly session: Session;
  readonly opened: Opened;
}

/** A connection with one session, freshly opened. */
export async function opened(stage: Stage, fields: Partial<Open> = {}, route?: string): Promise<Scene> {
  const [peer, session] = [await stage.connect(), stage.session(route)];
  return { peer, session, opened: await openedOn(peer, session, fields) };
}

export async function openedOn(peer: Peer, session: Session, fields: Partial<Open> = {}): Promise<Opened> {
  peer.write(open(session, fields));
  const [message] = await peer.reads(session, 'OPENED fresh');
  return openedIn(message);
}

export function openedIn(message: DataMessage | undefined): Opened {
  assert(message?.control?.action === 'opened');
  return message.control;
}

/** A new connection that has asked to resume; nothing is read but its Welcome. */
export async function back(
  stage: Stage,
  session: Session,
  position: number,
  fields: Partial<Open> = {},
): Promise<Peer> {
  const peer = await stage.connect();
  peer.write(resume(session, position, fields));
  return peer;
}

export interface Taken {
  /** `#n` of each message, or its text. */
  readonly data: readonly DataMessage[];
  readonly gaps: readonly { readonly from: number; readonly to: number; readonly reason: string }[];
}

/** Takes and acknowledges everything up to a sequence. */
export async function takeThrough(peer: Peer, session: Session, last: number): Promise<Taken> {
  const data: DataMessage[] = [];
  const gaps: { from: number; to: number; reason: string }[] = [];
  for (let position = 0; position < last;) {
    const [message] = await peer.reads(session, '');
    assert(message !== undefined);
    const { control } = message;
    if (control?.action === 'gap') {
      gaps.push({ from: control.fromSequence, to: control.toSequence, reason: control.reason });
      position = control.toSequence;
    } else {
      assert.equal(control, undefined, `${control?.action ?? ''} among what was to be taken`);
      data.push(message);
      position = message.sequence;
    }
    peer.write(ack(session, position));
  }
  return { data, gaps };
}

export function numberOf(message: DataMessage | undefined): number {
  return Number(message?.metadata?.get('n'));
}
