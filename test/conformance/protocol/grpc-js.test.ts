import { grpcSource } from './grpc-target.js';
import { describeProtocol, METHODS } from './suite.js';

describeProtocol(METHODS.map((method) => grpcSource('grpc-js', method)));
