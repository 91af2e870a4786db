/** A file goes to the gateway and back in numbered pieces; its reader pauses, and then the network does. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type Session } from '../../../src/client/index.js';
import { Cable } from '../../kit/cable.js';
import { TemporaryFolder } from '../../kit/temporary-folder.js';
import type { Stage } from '../stage.js';

const FILE_BYTES = 24 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const PIECES = FILE_BYTES / PIECE_BYTES;
/** What the client may hold: its own window and buffer, and the window that the gateway grants it. */
const CLIENT_BOUND_BYTES = (1 + 2 + 1) * 1024 * 1024;

export async function file({ address, awayMs, marks, report }: Stage): Promise<void> {
  using folder = new TemporaryFolder('sluice-file-');
  const path = join(folder.path, 'file');
  await writeFile(path, randomBytes(FILE_BYTES));
  using cable = await Cable.to(address);
  await using client = connect(cable.address, { clientId: 'file', backoff: { maxMs: 500 } });
  const session = await client.open('echo');

  const sent = createHash('sha256');
  const received = createHash('sha256');
  let mostHeldBytes = 0;
  const sending = send(session, path, (piece) => {
    sent.update(piece);
    mostHeldBytes = Math.max(mostHeldBytes, session.stats.bufferedBytes);
  });
  let pieces = 0;
  for await (const message of session) {
    if (message.key !== String(pieces)) break;
    received.update(message.data);
    pieces += 1;
    mostHeldBytes = Math.max(mostHeldBytes, session.stats.bufferedBytes);
    if (pieces === PIECES / 4) {
      marks.happens('file: paused');
      await new Promise((resolve) => setTimeout(resolve, awayMs));
    } else if (pieces === PIECES / 2) {
      marks.happens('file: no network');
      void cable.cutFor(awayMs);
    } else if (pieces === PIECES) break;
  }
  await sending;
  const isEqual = sent.digest('hex') === received.digest('hex');
  await client.close();
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);
  report.prove(
    'a file transfer is paused, loses its network, goes on, and the file is the same',
    pieces === PIECES && isEqual && mostHeldBytes <= CLIENT_BOUND_BYTES,

    `${pieces} of ${PIECES} pieces, ${mib(FILE_BYTES)} MiB, SHA-256 ${isEqual ? 'equal' : 'different'}; ` +
      `the client held at most ${mib(mostHeldBytes)} MiB (its bound: ${mib(CLIENT_BOUND_BYTES)})`,
  );
}

async function send(session: Session, path: string, onPiece: (piece: Buffer) => void): Promise<void> {
  let number = 0;
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
    await session.send(piece, { key: String(number) });
    onPiece(piece);
    number += 1;
  }
}
