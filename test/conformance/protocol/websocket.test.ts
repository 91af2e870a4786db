import { describeProtocol } from './suite.js';
import { webSocketSource } from './websocket-target.js';

// What a WebSocket and JSON say in their own way; all of it, both subprotocols and both methods, is in websocket.long.test.ts.
describeProtocol(
  [webSocketSource('sluice.v1.json', 'StreamData')],
  ['Hello', 'Two kinds of connection', "A route's failure on one message", 'Ending a session', 'Resume'],
);
