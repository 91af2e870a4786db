import { describeProtocol } from './suite.js';
import { webSocketSource } from './websocket-target.js';

describeProtocol([
  webSocketSource('sluice.v1.proto', 'StreamData'),
  webSocketSource('sluice.v1.proto', 'StreamBatches'),
  webSocketSource('sluice.v1.json', 'StreamData'),
  webSocketSource('sluice.v1.json', 'StreamBatches'),
]);
