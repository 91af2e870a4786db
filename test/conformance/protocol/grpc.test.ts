import { grpcSource } from './grpc-target.js';
import { describeProtocol } from './suite.js';

// The default; the other handler and the other method, in every pair, are in grpc.long.test.ts.
describeProtocol([grpcSource('direct', 'StreamData')]);
