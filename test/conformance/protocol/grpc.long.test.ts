import { grpcSource } from './grpc-target.js';
import { describeProtocol } from './suite.js';

describeProtocol([
  grpcSource('direct', 'StreamBatches'),
  grpcSource('grpc-js', 'StreamData'),
  grpcSource('grpc-js', 'StreamBatches'),
]);
