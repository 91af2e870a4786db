/**
 * A backend as a process of its own: `tsx test/helpers/numbered-backend.ts PORT FILE`.
 * Sends each message back, writes to the file what it has handled, and only
 * then acknowledges it: some at once, some a little later, several together.
 * Says on its standard output where it listens.
 */
import { openSync, writeSync } from 'node:fs';
import { type BackendCall, SessionBackend } from './session-backend.js';

const [, , port = '0', path = ''] = process.argv;
const file = openSync(path, 'a');

/** Lines for whoever judges: in the file before anything else happens, for this process is killed. */
function say(line: object): void {
  writeSync(file, `${JSON.stringify(line)}\n`);
}

function serve(call: BackendCall): { message(message: { sequence: number; data: Buffer }): void } {
  let isFirst = true;
  let owed = 0;
  const open = (): { session: string; attempt: number } => ({
    session: call.received[0]?.metadata['session-id'] ?? '',
    attempt: call.open.attempt,
  });
  return {
    message({ sequence, data }) {
      if (isFirst) say({ ...open(), after: call.open.afterSequence });
      isFirst = false;
      say({ ...open(), sequence, n: Number(data.toString()) });
      const acksNow = sequence % 3 === 0;
      call.write({ type: 'MESSAGE_TYPE_DATA', data, ack: acksNow ? sequence : 0 });
      if (acksNow || owed > 0) return;
      owed = sequence;
      setTimeout(() => {
        owed = 0;
        call.ack(Math.max(...call.received.map((each) => each.sequence)));
      }, sequence % 7);
    },
  };
}

const backend = await SessionBackend.start(serve, { port: Number(port) });
process.stdout.write(`${String(backend.port)}\n`);
