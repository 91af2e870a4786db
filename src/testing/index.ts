export { FakeClock } from './fake-clock.js';
export {
  MemoryConnection,
  type MemoryConnectionOptions,
  type MemoryEnd,
} from '../transport/memory/memory-connection.js';
