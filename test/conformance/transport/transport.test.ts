import { grpcTransport } from './grpc-transport.js';
import { memoryTransport } from './memory-transport.js';
import { describeTransport } from './suite.js';

describeTransport('direct handler', grpcTransport('direct'));
describeTransport('grpc-js interceptor', grpcTransport('interceptor'));
describeTransport('memory', memoryTransport);
