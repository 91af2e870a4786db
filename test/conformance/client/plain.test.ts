import { plainSource } from './plain-subject.js';
import { describeClients } from './suite.js';

describeClients([plainSource('StreamData'), plainSource('StreamBatches')]);
