/**
 * One of the three services as a program, which knows nothing of any gateway:
 *
 *   npx tsx examples/patterns/services/serve.ts logs --listen 127.0.0.1:50061 --file app.log
 */
import { parseArgs } from 'node:util';
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { chatService } from './chat-service.js';
import { logService } from './log-service.js';
import { metricsService } from './metrics-service.js';
import { ChatService, definition, LogService, MetricsService } from './protos.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    listen: { type: 'string', default: '127.0.0.1:0' },
    file: { type: 'string', default: 'app.log' },
  },
});

const tell = (news: object): void => void process.stdout.write(`${JSON.stringify(news)}\n`);

function served(name = ''): readonly [ServiceDefinition, UntypedServiceImplementation] {
  switch (name) {
    case 'logs':
      return [LogService.service, logService(values.file, tell)];
    case 'metrics':
      return [MetricsService.service, metricsService];
    case 'chat':
      return [ChatService.service, chatService()];
    default:
      throw new Error(`which service? logs, metrics or chat, not "${name}"`);
  }
}

const server = new Server();
server.addService(...served(positionals[0]));
new ReflectionService(definition).addToServer(server);
server.bindAsync(values.listen, ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  tell({ listening: values.listen.replace(/:\d+$/, `:${port}`) });
});
process.on('SIGTERM', () => {
  server.forceShutdown();
});
