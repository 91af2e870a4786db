import { describeProtocol } from './suite.js';
import { upstreamSource } from './upstream-target.js';

// What a route has its hand in; everything is in upstream.long.test.ts.
const SECTIONS = [
  'Client to gateway',
  "A route's failure on one message",
  'Gateway to client',
  'Ending a session',
  'more',
];

describeProtocol([upstreamSource('direct', 'StreamData')], SECTIONS);
