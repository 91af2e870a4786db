import { sdkSource } from './sdk-target.js';
import { describeProtocol } from './suite.js';

// What the SDK uses by default; every other pair is in sdk.long.test.ts.
describeProtocol([sdkSource('direct', 'StreamBatches')]);
