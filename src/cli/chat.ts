import type { CommandIo } from './frame/command-io.js';
import { exitCode } from './frame/exit-codes.js';
import type { ChatArguments } from './talk/chat-options.js';
import { Conversation } from './talk/conversation.js';
import { ConnectionNotes } from './talk/connection-notes.js';
import { openSession, withClient } from './talk/gateway-client.js';
import { gatewayFault } from './talk/gateway-fault.js';
import { MessagePrinter } from './talk/message-printer.js';
import { inputMessages, readable, STDIN } from './talk/payload-input.js';
import { SendProgress } from './talk/send-progress.js';
import { SendRun } from './talk/send-run.js';
import { openOptions } from './talk/session-options.js';
import { stopCode } from './frame/stop-code.js';

/** `sluice chat` */
export async function chatCommand(route: string, options: ChatArguments, io: CommandIo): Promise<number> {
  if (!io.stdin.isTerminal || !io.stdout.isTerminal) return piped(route, options, io);
  const conversation = new Conversation(route, io);
  const { onEvent } = conversation;
  try {
    await withClient(options, { io, onEvent }, async (client) => {
      const session = await openSession(client, route, {
        ...openOptions(options),
        ...conversation.listeners,
        signal: io.signal,
      });
      await conversation.run(session);
    });
  } finally {
    conversation.close();
  }
  return exitCode('ok');
}

/** Lines in, lines out. */
async function piped(route: string, options: ChatArguments, io: CommandIo): Promise<number> {
  const counts = new SendProgress(io, undefined);
  const printer = new MessagePrinter(io, { format: 'text' });
  const notes = new ConnectionNotes(io.stderr, (line) => void io.stderr.write(`${line}\n`));
  const fault = await withClient(options, { io, onEvent: notes.onEvent }, async (client) => {
    const run = new SendRun({ io, counts, printer, resend: false, common: {} });
    const session = await openSession(client, route, {
      ...openOptions(options),
      ...run.listeners,
      signal: io.signal,
    });
    return run.run(session, inputMessages(readable(io.stdin.stream, STDIN), { kind: 'lines' }));
  });
  if (io.signal.aborted) return stopCode(io);
  if (fault !== undefined) throw gatewayFault(fault);
  return exitCode(counts.failed > 0 ? 'failed' : 'ok');
}
