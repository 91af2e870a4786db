import { memorySource } from './memory-target.js';
import { describeProtocol, METHODS } from './suite.js';

describeProtocol(METHODS.map(memorySource));
