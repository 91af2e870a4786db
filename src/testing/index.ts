export { FakeClock, type FakeClockOptions } from './fake-clock.js';
export {
  memoryGateway,
  type Flow,
  type MemoryGateway,
  type MemoryGatewayAccount,
  type MemoryGatewayOptions,
} from './memory-gateway.js';
export {
  MemoryConnection,
  type MemoryConnectionOptions,
  type MemoryEnd,
} from '../transport/memory/memory-connection.js';
