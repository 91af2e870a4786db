import type { Conflict, CrossCheckContext } from './conflict.js';
import { routeKinds } from './route-kinds.js';
import type { Config } from './schema.js';

/** A topic's history goes to a session at once: it has to fit what may wait there, and what all topics keep. */
export function* topicConflicts(
  { routes, session }: Config,
  context: CrossCheckContext,
): Generator<Conflict> {
  for (const [name, route] of Object.entries(routes)) {
    if (route.kind !== 'topic') continue;
    const { historyMessages, historySize, maxHistorySize } = route;
    if (historySize > maxHistorySize) {
      yield topicConflict(name, 'historySize', historySize, `its maxHistorySize, ${maxHistorySize} bytes`);
    }
    // Where the session's bound is the default, or the history is, the smaller of the two holds.
    const { historyMessages: messages, historySize: size } = routeKinds.topic;
    if (
      historyMessages > session.waitingMessages &&
      historyMessages !== messages.defaultValue &&
      !context.isDefault('session.waitingMessages')
    )
      yield topicConflict(name, 'historyMessages', historyMessages, context.show('session.waitingMessages'));
    if (
      historySize > session.waitingSize &&
      historySize !== size.defaultValue &&
      !context.isDefault('session.waitingSize')
    )
      yield topicConflict(name, 'historySize', historySize, context.show('session.waitingSize'));
  }
}

function topicConflict(
  route: string,
  option: 'historyMessages' | 'historySize',
  value: number,
  most: string,
): Conflict {
  return {
    keys: ['routes'],
    part: { name: `${route}.${option}`, value: routeKinds.topic[option].format.print(value) },
    reason: `expected at most ${most}`,
  };
}
