/** One in ten of the crowd loses the network at once. */
import type { Stage } from '../stage.js';

/** The crowd's members on a cable that can be cut: one in so many. */
export const ON_CABLE = 10;
const RESUMED_WITHIN_SECONDS = 60;

export async function outage({ connections, crowd, marks, report, watch, awayMs }: Stage): Promise<void> {
  const resumedBefore = await watch.now('sluice_sessions_resumed_total');
  const { present, echoed } = crowd.state;
  const lost = Math.floor(connections / ON_CABLE);
  marks.happens('one in ten has no network');
  await crowd.cut(awayMs);
  marks.happens('it is back');
  const deadline = report.seconds + RESUMED_WITHIN_SECONDS;
  let resumed = 0;
  while (resumed < lost && report.seconds < deadline) {
    await crowd.news();
    resumed = (await watch.now('sluice_sessions_resumed_total')) - resumedBefore;
  }
  await crowd.news();
  const { state } = crowd;
  report.prove(
    'a network that fails for one in ten costs nobody a message, nor a session',
    resumed >= lost && state.present === present && state.wrong === 0 && state.echoed > echoed,
    `${resumed} sessions resumed; ${state.echoed} answers to the crowd so far, ${state.wrong} of them not the next`,
  );
}
