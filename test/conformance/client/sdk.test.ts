import { sdkSource } from './sdk-subject.js';
import { describeClients } from './suite.js';

describeClients([sdkSource('StreamData'), sdkSource('StreamBatches')]);
