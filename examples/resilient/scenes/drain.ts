/** The gateway is told to leave, and tells everybody. */
import type { GatewayProcess } from '../../kit/gateway-process.js';
import { LINE_MS, shown } from '../gateway-log.js';
import type { Stage } from '../stage.js';

/** How long those who were told may need to say so. */
const PATIENCE_S = 30;

export async function drain({ crowd, log, marks, report }: Stage, gateway: GatewayProcess): Promise<void> {
  const { present } = crowd.state;
  marks.happens('the gateway leaves');
  const startedAt = report.seconds;
  await gateway.stop();
  const seconds = report.seconds - startedAt;
  const left = await log.find(({ msg }) => msg === 'draining', LINE_MS);
  const stopped = await log.find(({ msg }) => msg === 'gateway stopped', LINE_MS);
  // Whoever was not told would look for the gateway for ever.
  const patienceAt = report.seconds + PATIENCE_S;
  while (crowd.state.present > 0 && report.seconds < patienceAt) await crowd.news();
  const told = crowd.state.endedBy['DRAINING'] ?? 0;
  report.prove(
    'a drain tells everybody',
    left !== undefined && stopped !== undefined && told === present,
    `${told} of ${present} sessions ended with DRAINING, in ${seconds.toFixed(1)} s; the log: ` +
      (left === undefined ? 'nothing' : shown(left)),
  );
}
