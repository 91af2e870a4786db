/** Beginnings that many cases share. */
import type { Open, Opened } from '../../../src/wire/messages.js';
import type { Peer } from './peer.js';
import { opened } from './say.js';
import type { Stage } from './stage.js';
import type { SubjectSession, Wishes } from './subject.js';
import assert from 'node:assert/strict';

export interface Scene {
  readonly peer: Peer;
  readonly session: SubjectSession;
  readonly open: Open;
}

/** A connection with one session, `s`, freshly opened. */
export async function opening(stage: Stage, wishes: Wishes = {}): Promise<Scene> {
  const session = stage.open(wishes);
  const peer = await stage.connection();
  const open = await peer.opens(session.id, 'OPEN fresh attempt 1');
  return { peer, session, open };
}

export async function openedSession(
  stage: Stage,
  wishes: Wishes = {},
  fields: Partial<Opened> = {},
): Promise<Scene> {
  const scene = await opening(stage, wishes);
  const { peer, session, open } = scene;
  peer.writes(opened(session.id, open, fields));
  assert.equal(await stage.resolves(session.opened, 'the session to be open'), 'open');
  return scene;
}

/** The network broke: the client is back on a new connection and has asked to resume. */
export async function back(
  stage: Stage,
  session: SubjectSession,
  line = 'OPEN resume',
): Promise<{ peer: Peer; open: Open }> {
  const peer = await stage.connection();
  return { peer, open: await peer.opens(session.id, line) };
}

/** The network breaks, and the client comes back. */
export async function broken(
  stage: Stage,
  session: SubjectSession,
  line?: string,
): Promise<{ peer: Peer; open: Open }> {
  stage.subject.breakNetwork();
  return await back(stage, session, line);
}

/** Sends so many, `m1`, `m2`, …; their fates. */
export function sends(session: SubjectSession, from: number, to: number): Promise<string>[] {
  return Array.from({ length: to - from + 1 }, (_, index) => session.send({ data: `m${from + index}` }));
}

/** `DATA from` to `DATA to`, as `reads` takes them. */
export function lines(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `DATA ${from + index} "m${from + index}"`);
}
