import assert from 'node:assert/strict';
import type { Section } from '../case.js';
import { back, opened, openedIn } from '../scenes.js';
import { data, open, resume, type Session } from '../say.js';
import type { Stage } from '../stage.js';

/** Another process with the same client and session ID, but not the token. */
function impostor(stage: Stage, session: Session): Session {
  return { ...stage.session(), id: session.id };
}

export const tokens: Section = {
  title: 'Tokens',
  cases: [
    {
      name: 'the token never changes while the session lives',
      async run(stage) {
        const { session } = await opened(stage);
        for (let i = 0; i < 3; i += 1) {
          const peer = await back(stage, session, 0);
          const { resumeToken } = openedIn((await peer.reads(session, 'OPENED resumed'))[0]);
          assert.deepEqual(Buffer.from(resumeToken), Buffer.from(session.token));
        }
      },
    },
    {
      name: 'a lost Opened is no loss: the token that the first Open brought resumes the session',
      async run(stage) {
        const session = stage.session();
        const peer = await stage.connect();
        peer.write(open(session), data(session, 1, { accept: '' }));
        // Seen or not, it was opened.
        await peer.settled();
        peer.connection.break();
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 1');
      },
    },
    {
      name: 'a lost Open: resumed, it is gone; the Open itself, when it comes late, creates nothing (D6)',
      async run(stage) {
        const session = stage.session();
        const [late, peer] = [await stage.connect(), await stage.connect()];
        peer.write(resume(session, 0, { attempt: 2 }));
        await peer.reads(session, 'OPENED gone');
        late.write(open(session, { attempt: 1 }));
        await late.reads(session, 'CLOSED TAKEN_OVER');
        const next = impostor(stage, session);
        late.write(open(next));
        await late.reads(next, 'OPENED fresh');
      },
    },
    {
      name: 'a wrong token is PERMISSION_DENIED, and leaves the session untouched',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const wrong = impostor(stage, session);
        const other = await back(stage, wrong, 0);
        await other.reads(wrong, 'CLOSED PERMISSION_DENIED');
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1 "m1"');
        peer.connection.break();
        const again = await back(stage, session, 0);
        await again.reads(session, 'OPENED resumed received 1', 'DATA 1');
      },
    },
    {
      name: 'a wrong token is dead from then on (D7)',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const wrong = impostor(stage, session);
        const other = await back(stage, wrong, 0);
        await other.reads(wrong, 'CLOSED PERMISSION_DENIED');
        peer.connection.break();
        await other.settled();
        other.write(open(wrong));
        await other.reads(wrong, 'OPENED gone');
        other.write(resume(session, 0));
        await other.reads(session, 'OPENED resumed');
      },
    },
    {
      name: 'a fresh Open for an attached session is SESSION_IN_USE, and changes nothing',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const second = impostor(stage, session);
        const other = await stage.connect();
        other.write(open(second));
        await other.reads(second, 'CLOSED SESSION_IN_USE');
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'a fresh Open replaces a detached session, whose token is dead then',
      async run(stage) {
        const { peer, session } = await opened(stage);
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1');
        peer.connection.halfClose();
        await peer.ends(0, '');
        const second = impostor(stage, session);
        const other = await stage.connect();
        other.write(open(second), data(second, 1));
        await other.reads(second, 'OPENED fresh received 0 ack 0', 'DATA 1 "m1"');
        const third = await back(stage, session, 0);
        await third.reads(session, 'OPENED gone');
        await other.silent(second);
      },
    },
    {
      name: 'a token opens one session, once: a fresh Open with that of a live one is SESSION_IN_USE (D8)',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const other = await stage.connect();
        other.write(open(session));
        await other.reads(session, 'CLOSED SESSION_IN_USE');
        peer.connection.halfClose();
        await peer.ends(0, '');
        other.write(open(session));
        await other.reads(session, 'CLOSED SESSION_IN_USE');
        other.write(resume(session, 0));
        await other.reads(session, 'OPENED resumed');
      },
    },
    {
      name: 'an Open below the highest attempt is TAKEN_OVER, and changes nothing',
      async run(stage) {
        const { session } = await opened(stage, { attempt: 1 });
        const newest = await back(stage, session, 0, { attempt: 5 });
        await newest.reads(session, 'OPENED resumed');
        const late = await back(stage, session, 0, { attempt: 4 });
        await late.reads(session, 'CLOSED TAKEN_OVER');
        newest.write(data(session, 1));
        await newest.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'an equal attempt is not below; 0 wins, and lowers nothing (D10)',
      async run(stage) {
        const { session } = await opened(stage, { attempt: 5 });
        const equal = await back(stage, session, 0, { attempt: 5 });
        await equal.reads(session, 'OPENED resumed');
        const unordered = await back(stage, session, 0, { attempt: 0 });
        await unordered.reads(session, 'OPENED resumed');
        const late = await back(stage, session, 0, { attempt: 4 });
        await late.reads(session, 'CLOSED TAKEN_OVER');
        unordered.write(data(session, 1));
        await unordered.reads(session, 'DATA 1 "m1"');
      },
    },
    {
      name: 'the token of one client is nothing to another',
      async run(stage) {
        const { peer, session } = await opened(stage);
        const other = await stage.connect({ clientId: `${stage.clientId}-other` });
        other.write(resume(session, 0));
        await other.reads(session, 'OPENED gone');
        peer.write(data(session, 1));
        await peer.reads(session, 'DATA 1 "m1"');
      },
    },
  ],
};
