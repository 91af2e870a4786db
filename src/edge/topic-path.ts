import { invalid } from './refusal.js';

/** What the paths of topics begin with. */
const TOPICS_PATH = '/v1/topics/';

/**
 * The topic that a path names: all that follows `/v1/topics/`, percent-decoded
 * once, so that a slash within it may be written either way. Taken from the
 * request's own target: a router would decode some of it twice, or not at all.
 * Throws a Refusal.
 */
export function topicOf(target: string): string {
  // A proxy's client may write all of the URL (RFC 9112 section 3.2.2).
  const own = target.replace(/^https?:\/\/[^/?]*/i, '');
  const mark = own.indexOf('?');
  const path = mark < 0 ? own : own.slice(0, mark);
  try {
    return decodeURIComponent(path.slice(TOPICS_PATH.length));
  } catch {
    throw invalid('the path is not percent-encoded UTF-8');
  }
}
