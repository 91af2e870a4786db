import { describeProtocol } from './suite.js';
import { upstreamSource } from './upstream-target.js';

describeProtocol([
  upstreamSource('direct', 'StreamData'),
  upstreamSource('direct', 'StreamBatches'),
  upstreamSource('grpc-js', 'StreamData'),
]);
