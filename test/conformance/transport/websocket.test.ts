import { describeTransport } from './suite.js';
import { webSocketTransport } from './websocket-transport.js';

describeTransport('WebSocket, protobuf', webSocketTransport('sluice.v1.proto'));
describeTransport('WebSocket, JSON', webSocketTransport('sluice.v1.json'));
