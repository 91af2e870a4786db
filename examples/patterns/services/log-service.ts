import { once } from 'node:events';
import {
  Metadata,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { followFile } from './follow-file.js';
import { isWanted, type Level, LEVELS, type LogFilter, type LogLine, readLine } from './log-lines.js';
import type { LogEntry, LogRequest } from './protos.js';
import { refusal } from './refusal.js';

/** What is told of a call: how many lines were read for it; and how many calls are open, when one comes or goes. */
export type OnCall = (news: {
  readonly caller: string;
  readonly read: number;
  readonly open?: number;
}) => void;

/** Every so many lines are told. */
const TELL_EVERY = 50;

export function logService(file: string, onCall: OnCall): UntypedServiceImplementation {
  let open = 0;
  return {
    streamLogs(call: ServerWritableStream<LogRequest, LogEntry>) {
      const caller = String(call.metadata.get('x-caller')[0] ?? '');
      let read = 0;
      onCall({ caller, read, open: (open += 1) });
      const onRead = (): void => {
        read += 1;
        if (read % TELL_EVERY === 0) onCall({ caller, read });
      };
      void streamLogs(call, file, onRead).then(() => {
        onCall({ caller, read, open: (open -= 1) });
      });
    },
  };
}

async function streamLogs(
  call: ServerWritableStream<LogRequest, LogEntry>,
  file: string,
  onRead: () => void,
): Promise<void> {
  const gone = new AbortController();
  call.on('cancelled', () => {
    gone.abort();
  });
  let lines = 0;
  try {
    const { follow = false } = call.request;
    const filter = filterOf(call.request);
    const headers = new Metadata();
    headers.set('x-served-by', 'logs');
    call.sendMetadata(headers);
    const from = follow && filter.sinceMs === 0 ? 'end' : filter.sinceMs;
    for await (const text of followFile(file, { from, follow, signal: gone.signal })) {
      const line = readLine(text);
      if (line === undefined || !isWanted(line, filter)) continue;
      lines += 1;
      onRead();
      // The client's flow control stops the call, and this the reading of the file.
      if (!call.write(entryOf(line))) await once(call, 'drain', { signal: gone.signal });
    }
    const trailers = new Metadata();
    trailers.set('x-lines', String(lines));
    call.end(trailers);
  } catch (error) {
    const isOurs = error instanceof Error && 'details' in error;
    // Else the client has left.
    if (!gone.signal.aborted)
      call.emit('error', isOurs ? error : refusal(status.UNAVAILABLE, 'the log can not be read'));
  }
}

function filterOf({ services = [], minLevel = '', sinceMs = 0, untilMs = 0 }: LogRequest): LogFilter {
  if (untilMs !== 0 && untilMs < sinceMs) {
    throw refusal(status.INVALID_ARGUMENT, `until_ms ${untilMs} is before since_ms ${sinceMs}`);
  }
  return {
    services,
    minLevel: LEVELS.find((level) => nameOf(level) === minLevel) ?? 'debug',
    sinceMs,
    untilMs,
  };
}

function entryOf(line: LogLine): LogEntry {
  return { ...line, level: nameOf(line.level) };
}

function nameOf(level: Level): string {
  return `LEVEL_${level.toUpperCase()}`;
}
