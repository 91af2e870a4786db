import { expect, test } from 'vitest';
import { BenchSender, type BenchEvents } from '../../../../src/cli/talk/bench-sender.js';
import type { Session } from '../../../../src/client/session/session.js';

/** A session whose answers come when the test says so. */
class Peer {
  sent = 0;
  readonly #answers: (() => void)[] = [];
  #given = 0;

  readonly session = {
    send: () => {
      this.sent += 1;
      return Promise.resolve();
    },
    receive: async () => {
      while (this.#given === 0) await new Promise<void>((wake) => this.#answers.push(wake));
      this.#given -= 1;
      return {};
    },
  } as unknown as Session;

  async answer(count = 1): Promise<void> {
    this.#given += count;
    for (const wake of this.#answers.splice(0)) wake();
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  }
}

interface Scene {
  now: number;
  readonly peer: Peer;
  readonly sender: BenchSender;
  readonly times: number[];
}

function scene(everyMs: number | undefined, inFlight: number): Scene {
  const peer = new Peer();
  const times: number[] = [];
  const events: BenchEvents = {
    now: () => stage.now,
    dueAt: (index) => (everyMs === undefined ? undefined : index * everyMs),
    isOpen: () => true,
    sent: () => undefined,
    answered: (ms) => times.push(ms),
    failed: () => undefined,
  };
  const options = { payload: new Uint8Array(1), inFlight, untilAnswered: true, from: 0 };
  const stage: Scene = { now: 0, peer, sender: new BenchSender(peer.session, options, events), times };
  void stage.sender.read();
  return stage;
}

test('with a rate a time begins when the message was due, not when there was room for it', async () => {
  const stage = scene(10, 2);
  stage.sender.pump();
  expect(stage.peer.sent).toBe(1);
  stage.now = 100;
  stage.sender.pump();
  // Due at 0, 10, …, 100; the gateway has stopped, and two may be under way.
  expect(stage.peer.sent).toBe(2);
  await stage.peer.answer(2);
  expect(stage.times).toEqual([100, 90]);
  await stage.peer.answer(9);
  expect(stage.times).toEqual([100, 90, 80, 70, 60, 50, 40, 30, 20, 10, 0]);
  expect(stage.peer.sent).toBe(11);
});

test('what is left out is neither sent nor due any more', async () => {
  const stage = scene(10, 2);
  stage.now = 100;
  stage.sender.pump();
  stage.sender.skipTo(10);
  await stage.peer.answer(9);
  expect(stage.times).toEqual([100, 90, 0]);
  expect(stage.sender.next).toBe(11);
  stage.sender.skipTo(3);
  expect(stage.sender.next).toBe(11);
});

test('without one it sends as soon as there is room, and no more than that', async () => {
  const stage = scene(undefined, 3);
  stage.sender.pump();
  expect(stage.peer.sent).toBe(3);
  stage.now = 7;
  await stage.peer.answer();
  expect(stage).toMatchObject({ times: [7] });
  expect(stage.peer.sent).toBe(4);
  expect(stage.sender.underWay).toBe(3);
  stage.now = 9;
  await stage.peer.answer(3);
  // The two that began at 0, then the one of 7.
  expect(stage.times).toEqual([7, 9, 9, 2]);
});

test('an answer that nobody waits for is nothing', async () => {
  const stage = scene(1000, 1);
  stage.sender.pump();
  await stage.peer.answer(3);
  expect(stage.times).toEqual([0]);
  expect(stage.sender.underWay).toBe(0);
});
