import { memorySource } from './memory-target.js';
import { describeProtocol } from './suite.js';

describeProtocol([memorySource('StreamData'), memorySource('StreamBatches')]);
