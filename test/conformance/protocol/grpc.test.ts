import { grpcSource } from './grpc-target.js';
import { describeProtocol } from './suite.js';

// Each handler and each method once; the other two pairs are in grpc.long.test.ts.
describeProtocol([grpcSource('direct', 'StreamData'), grpcSource('grpc-js', 'StreamBatches')]);
