import { isIP } from 'node:net';
import { type Format, textual, UNREAD } from './format.js';
import { list } from './list.js';

/** A bound, not a limit anyone should meet: those that publish their ranges have some dozens. */
const MAX_RANGES = 256;
const ALLOWED = 'an address, a range of them such as 10.0.0.0/8 or 2001:db8::/32, or unix';

/** Addresses and ranges of them, none or several; `unix` stands for what comes over a Unix socket. */
export function addressRanges(): Format<readonly string[]> {
  const one = textual<string>({
    allowed: ALLOWED,
    print: (value) => value,
    parse(text) {
      if (text === 'unix') return { value: text };
      const [, address = '', bits] = /^([\d.]+|[\da-fA-F:.]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
      const version = isIP(address);
      if (version === 0) return text.includes(']') ? { hint: 'without brackets and without a port' } : UNREAD;
      const most = version === 4 ? 32 : 128;
      return Number(bits ?? 0) <= most ? { value: text } : { hint: `it has ${most} bits` };
    },
  });
  return list(one, {
    allowed: `up to ${MAX_RANGES} of these: ${ALLOWED}`,
    summary: `up to ${MAX_RANGES} addresses or ranges (CIDR)`,
    minItems: 0,
    maxItems: MAX_RANGES,
    item: 'address',
  });
}
