import { SluiceError } from '../../core/errors.js';
import { isPrintableId, quoted } from '../../core/printable.js';
import type { Route } from '../../session/route.js';
import type { TopicRoute } from '../../session/topic-route.js';

/** A topic as clients name it: "route/subject". */
export interface TopicName {
  readonly route: string;
  readonly subject: string;
}

/** The longest name of a route that is looked at: none of the configuration is half as long. */
const MAX_ROUTE_LENGTH = 128;

/** @throws SluiceError INVALID_MESSAGE, which says back no more than the beginning of what was named. */
export function parseTopicName(topic: string): TopicName {
  const slash = topic.indexOf('/');
  const route = topic.slice(0, Math.max(0, slash));
  const subject = topic.slice(slash + 1);
  if (route === '' || route.length > MAX_ROUTE_LENGTH) {
    throw new SluiceError(
      'INVALID_MESSAGE',
      `topic ${quoted(topic)} is not "route/subject", the name of a route, a slash and what is wanted of it`,
    );
  }
  if (isPrintableId(subject)) return { route, subject };
  throw new SluiceError(
    'INVALID_MESSAGE',
    `topic ${quoted(topic)} has a subject (what follows the first slash) that is not 1 to 128 printable characters`,
  );
}

/** @throws SluiceError UNKNOWN_ROUTE, or INVALID_MESSAGE for a route without topics. */
export function topicsOf(routes: ReadonlyMap<string, Route>, name: string): TopicRoute {
  const route = routes.get(name);
  if (route === undefined) {
    throw new SluiceError('UNKNOWN_ROUTE', `no route ${quoted(name)} is configured (routes)`);
  }
  if (route.topic !== undefined) return route.topic;
  throw new SluiceError(
    'INVALID_MESSAGE',
    `route "${name}" is of kind "${route.kind}", which has no topics: Publish and Subscribe need one of kind "topic"`,
  );
}
