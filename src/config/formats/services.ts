import { isOwnService, MAX_SERVICE_NAME, SERVICE_NAME } from '../../core/service-name.js';
import { type Format, textual, UNREAD } from './format.js';
import { list } from './list.js';

const ONE = "a service's full name, such as stock.v1.StockService";
/** Of one proxy: a bound, not a limit anyone should meet. */
const MAX_SERVICES = 256;
const ALLOWED = `at most ${String(MAX_SERVICES)} full names of services, such as stock.v1.StockService`;

/** Services by their full names: a list, or one text with commas. None of the gateway's own. */
export function serviceList(): Format<readonly string[]> {
  return list(serviceName(), {
    allowed: ALLOWED,
    summary: ALLOWED,
    minItems: 0,
    maxItems: MAX_SERVICES,
    item: 'service',
  });
}

function serviceName(): Format<string> {
  return textual({
    allowed: ONE,
    print: (value) => value,
    parse(text) {
      // As a path has it, and as `.package.Service` of .proto files.
      const bare = text.replace(/^[/.]+/, '').replace(/\/.*$/, '');
      if (isOwnService(bare)) return { hint: `${bare} is the gateway's own` };
      if (text.length <= MAX_SERVICE_NAME && SERVICE_NAME.test(text)) return { value: text };
      return bare !== text && SERVICE_NAME.test(bare) ? { hint: `write ${bare}` } : UNREAD;
    },
  });
}
