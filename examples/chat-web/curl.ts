/** curl, as anybody has it. */
import { execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { takenAlong } from '../kit/child-process.js';

const run = promisify(execFile);

/** Longer than a busy machine takes. */
const PATIENCE_S = '30';

/** One line into the room; resolves when the gateway has it. */
export async function sayByCurl(edge: string, room: string, text: string): Promise<void> {
  await run('curl', [
    ...['--silent', '--show-error', '--fail-with-body', '--header', 'x-client-id: harbourmaster'],
    ...['--data-binary', text, `http://${edge}/v1/topics/rooms/${room}`],
  ]);
}

/** The last so many lines of the room, as curl follows it; fewer, where they have not come in its patience. */
export async function followByCurl(edge: string, room: string, count: number): Promise<readonly string[]> {
  const url = `http://${edge}/v1/topics/rooms/${room}?history=${count}`;
  const child = takenAlong(
    spawn('curl', ['--silent', '--no-buffer', '--max-time', PATIENCE_S, url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('data: ')) lines.push(line.slice('data: '.length));
    if (lines.length === count) break;
  }
  child.kill();
  return lines;
}
