/** The private part of grpc-js that the direct handler needs: these fail when an upgrade changes it. */
import { EventEmitter } from 'node:events';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { SystemClock } from '../../../src/core/clock.js';
import { attachDirectHandler } from '../../../src/transport/grpc/direct-handler.js';
import { RecordingAcceptor } from '../../helpers/recording-receiver.js';

const options = { accept: new RecordingAcceptor().accept, clock: new SystemClock(), maxMessageBytes: 1_000 };

function http2ServersOf(server: Server): EventEmitter[] {
  return [...(server as unknown as { http2Servers: Map<EventEmitter, unknown> }).http2Servers.keys()];
}

describe('attachDirectHandler', () => {
  test('finds the HTTP/2 servers of every injector, and gives them back as they were', () => {
    const server = new Server();
    const injectors = [1, 2].map(() => server.createConnectionInjector(ServerCredentials.createInsecure()));
    const http2Servers = http2ServersOf(server);
    expect(http2Servers.length).toBe(2);
    const before = http2Servers.map((http2Server) => http2Server.listeners('stream'));
    const attached = attachDirectHandler(server, options);
    if ('unsupported' in attached) throw new Error(attached.unsupported);
    for (const [index, http2Server] of http2Servers.entries()) {
      expect(http2Server.listenerCount('stream')).toBe(1);
      expect(http2Server.listeners('stream')).not.toEqual(before[index]);
    }
    attached.detach();
    attached.detach();
    expect(http2Servers.map((http2Server) => http2Server.listeners('stream'))).toEqual(before);
    for (const injector of injectors) injector.destroy();
    server.forceShutdown();
  });

  test.each([
    ['no map of servers', {}, 'Server.http2Servers'],
    ['something else there', { http2Servers: [new EventEmitter()] }, 'Server.http2Servers'],
    ['no server', { http2Servers: new Map() }, 'no HTTP/2 server yet'],
    ['keys that are no emitters', { http2Servers: new Map([[{}, {}]]) }, 'no event emitters'],
    ['servers nobody listens to', { http2Servers: new Map([[new EventEmitter(), {}]]) }, "'stream'"],
  ])('says why it can not: %s', (_, fake, reason) => {
    expect(attachDirectHandler(fake as unknown as Server, options)).toEqual({
      unsupported: expect.stringContaining(reason),
    });
  });

  test('touches nothing when one server of several is not as expected', () => {
    const good = new EventEmitter();
    const theirs = (): void => undefined;
    good.on('stream', theirs);
    const fake = { http2Servers: new Map([good, new EventEmitter()].map((emitter) => [emitter, {}])) };
    expect(attachDirectHandler(fake as unknown as Server, options)).toHaveProperty('unsupported');
    expect(good.listeners('stream')).toEqual([theirs]);
  });
});
