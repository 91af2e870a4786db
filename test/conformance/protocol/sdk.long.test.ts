import { sdkSource, webSdkSource } from './sdk-target.js';
import { describeProtocol } from './suite.js';

describeProtocol([
  sdkSource('direct', 'StreamBatches'),
  sdkSource('direct', 'StreamData'),
  sdkSource('grpc-js', 'StreamData'),
  sdkSource('grpc-js', 'StreamBatches'),
  webSdkSource('StreamBatches'),
  webSdkSource('StreamData'),
]);
