/** The gateway is told to leave, and tells everybody. */
import type { GatewayProcess } from '../../kit/gateway-process.js';
import { LINE_MS, shown } from '../gateway-log.js';
import type { Stage } from '../stage.js';

export async function drain({ crowd, log, marks, report }: Stage, gateway: GatewayProcess): Promise<void> {
  const { present } = crowd.state;
  marks.happens('the gateway leaves');
  const startedAt = report.seconds;
  await gateway.stop();
  const seconds = report.seconds - startedAt;
  const left = await log.find(({ msg }) => msg === 'draining', LINE_MS);
  const stopped = await log.find(({ msg }) => msg === 'gateway stopped', LINE_MS);
  while (crowd.state.present > 0) await crowd.news();
  const told = crowd.state.endedBy['DRAINING'] ?? 0;
  report.prove(
    'a drain tells everybody',
    left !== undefined && stopped !== undefined && told === present,
    `${told} of ${present} sessions ended with DRAINING, in ${seconds.toFixed(1)} s; the log: ` +
      (left === undefined ? 'nothing' : shown(left)),
  );
}
