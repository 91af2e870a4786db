import { addressRanges } from './formats/address-ranges.js';
import { choice } from './formats/choice.js';
import { section, setting } from './setting.js';

export const balancers = section(
  'What stands between clients and the gateway, and says where they really come from (docs/behind-a-balancer.md).',
  {
    trusted: setting(
      addressRanges(),
      [],
      'The addresses that balancers connect from, as ranges (10.0.0.0/8), single ones, or unix. Whoever can connect from there can claim any address. In a variable or flag: separated by commas.',
    ),
    forwardedHeader: setting(
      choice(['none', 'forwarded', 'x-forwarded-for']),
      'none',
      'The header in which they name the client, of HTTP requests and of gRPC calls: forwarded is that of RFC 7239. Only one that each of them sets or extends.',
    ),
  },
);
