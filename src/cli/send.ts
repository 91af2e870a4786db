import { constants, createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { SendOptions } from '../client/message.js';
import { CommandError } from './frame/command-error.js';
import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import { fileOf, unreadable } from './frame/unreadable.js';
import { ConnectionNotes } from './talk/connection-notes.js';
import { openSession, withClient } from './talk/gateway-client.js';
import { gatewayFault } from './talk/gateway-fault.js';
import { MessagePrinter } from './talk/message-printer.js';
import type { InputMessage } from './talk/input-message.js';
import { InputError, inputMessages, readable, STDIN, type InputFormat } from './talk/payload-input.js';
import type { SendArguments } from './talk/send-options.js';
import { SendProgress } from './talk/send-progress.js';
import { SendRun } from './talk/send-run.js';
import { openOptions } from './talk/session-options.js';
import { stopCode } from './frame/stop-code.js';

interface Source {
  readonly messages: AsyncIterable<readonly InputMessage[]>;
  /** Of a file. */
  readonly totalBytes: number | undefined;
}

/** `sluice send` */
export async function sendCommand(route: string, options: SendArguments, io: CommandIo): Promise<number> {
  const source = await sourceOf(options, io);
  const counts = new SendProgress(io, source.totalBytes);
  const clearLine = (): void => {
    counts.line.hide();
  };
  const printer = printerOf(options, io, clearLine);
  const notes = new ConnectionNotes(io.stderr, (line) => {
    clearLine();
    io.stderr.write(`${line}\n`);
  });
  const fault = await withClient(options, { io, onEvent: notes.onEvent }, async (client) => {
    const run = new SendRun({
      io,
      counts,
      printer,
      resend: options.resend,
      common: commonOptions(options),
    });
    const session = await openSession(client, route, {
      ...openOptions(options),
      ...run.listeners,
      signal: io.signal,
    });
    return run.run(session, source.messages);
  });
  const isSilent = options.quiet && fault === undefined && counts.failed === 0;
  if (!isSilent) counts.summarize(options.output);
  if (io.signal.aborted) return stopCode(io);
  if (fault instanceof InputError) throw new CommandError('failed', fault.message);
  if (fault !== undefined) throw gatewayFault(fault);
  return exitCode(counts.failed > 0 ? 'failed' : 'ok');
}

function printerOf(
  { noAnswers, quiet, output, whole, chunk }: SendArguments,
  io: CommandIo,
  clearLine: () => void,
): MessagePrinter | undefined {
  if (noAnswers || quiet) return undefined;
  const asBytes = whole || chunk !== undefined;
  return new MessagePrinter(io, {
    format: output === 'json' ? 'json' : asBytes ? 'bytes' : 'text',
    clearLine,
  });
}

async function sourceOf(options: SendArguments, io: CommandIo): Promise<Source> {
  const { data, file } = options;
  const format = formatOf(options);
  if (data !== undefined) {
    const given = [
      file === undefined ? '' : '--file',
      format.kind === 'lines' ? '' : `--${format.kind}`,
    ].find(Boolean);
    if (given !== undefined)
      throw usage(`--data is the message, and ${given} speaks of an input: give one of them`);
    return { messages: only({ data: Buffer.from(data) }), totalBytes: undefined };
  }
  if (file !== undefined && file !== '-') {
    const totalBytes = await sizeOf(file);
    const input = readable(createReadStream(file, { signal: io.signal }), fileOf('file', file));
    return { messages: inputMessages(input, format), totalBytes };
  }
  if (io.stdin.isTerminal) io.stderr.write('Each line you type is a message; Ctrl-D ends.\n');
  return { messages: inputMessages(readable(io.stdin.stream, STDIN), format), totalBytes: undefined };
}

function formatOf({ json, whole, chunk }: SendArguments): InputFormat {
  const given = [json ? '--json' : '', whole ? '--whole' : '', chunk === undefined ? '' : '--chunk'].filter(
    Boolean,
  );
  const [first, second] = given;
  if (second !== undefined)
    throw usage(`${String(first)} and ${second} divide the input differently: give one of them`);
  if (json) return { kind: 'json' };
  if (whole) return { kind: 'whole' };
  return chunk === undefined ? { kind: 'lines' } : { kind: 'chunk', bytes: chunk };
}

function usage(message: string): CommandError {
  return new CommandError('usage', `${message} (see: sluice help send)`);
}

async function* only(message: InputMessage): AsyncGenerator<readonly InputMessage[], void, void> {
  yield await Promise.resolve([message]);
}

function commonOptions({
  key,
  metadata,
  ttl,
}: SendArguments): Pick<SendOptions, 'key' | 'metadata' | 'ttlMs'> {
  const pairs = metadata.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return {
    ...(key === undefined ? {} : { key }),
    ...(pairs.length === 0 ? {} : { metadata: Object.fromEntries(pairs) }),
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
  };
}

/** Undefined of what is no plain file. Throws `CommandError` for what can't be read. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    await access(path, constants.R_OK);
    if (found.isDirectory()) throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' });
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    throw unreadable(fileOf('file', path), error);
  }
}
