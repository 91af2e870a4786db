/** All places are taken: what each costs, and what who comes then is told. */
import { ClientError, connect } from '../../../src/client/index.js';
import { LINE_MS, shown } from '../gateway-log.js';
import type { Stage } from '../stage.js';

/** `restingBytes`: the memory of the gateway when nobody was there. */
export async function fullHouse(stage: Stage, restingBytes: number, others: number): Promise<void> {
  const { address, connections, crowd, log, marks, report, watch } = stage;
  const now = await watch.now('sluice_connections');
  const bytes = (await watch.now('process_resident_memory_bytes')) - restingBytes;
  report.prove(
    `${connections} connections, each with a session`,
    now === connections && crowd.state.present + others === connections,
    `${now} connections, ${await watch.now('sluice_sessions')} sessions, ${(bytes / 1024 / now).toFixed(0)} KiB of memory each`,
  );

  marks.happens('one too many');
  const refusal = await refused(address);
  const line = await log.find(
    (each) => each.msg === 'streams refused' && each['code'] === 'CONNECTION_LIMIT',
    LINE_MS,
  );
  report.prove(
    `number ${connections + 1} is refused politely`,
    refusal?.code === 'CONNECTION_LIMIT' && refusal.retry === 'backoff' && line !== undefined,
    refusal === undefined
      ? 'it was let in'
      : `${refusal.code}, retry ${refusal.retry} in ${refusal.retryAfterMs ?? 0} ms or more; the log: ${line === undefined ? 'nothing' : shown(line, ['code', 'client', 'reason'])}`,
  );
}

async function refused(address: string): Promise<ClientError | undefined> {
  await using late = connect(address, { clientId: 'one-too-many', openTimeoutMs: 0 });
  try {
    await late.open('echo');
    return undefined;
  } catch (error) {
    if (error instanceof ClientError) return error;
    throw error;
  }
}
