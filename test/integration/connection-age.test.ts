import { describe, expect, it } from 'vitest';
import { decodeStatusDetails } from '../../src/wire/status-details.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';

describe.each(['direct', 'grpc-js'] as const)(
  'server.maxConnectionAge with the %s handler',
  (streamHandler) => {
    it('tells the streams of an old connection to leave, then ends them', async () => {
      await using server = await startGateway({
        'server.streamHandler': streamHandler,
        'server.maxConnectionAge': '300ms',
        'server.ageJitter': 0,
      });
      using client = new StreamClient(server.address);
      client.sendData('s', 'hello');
      await client.untilData(1);
      const status = await client.status;

      expect(client.controls('drain').map((m) => m.control?.['drain'])).toMatchObject([
        { reason: 'connection: age' },
      ]);
      expect(status.code).toBe(14);
      const [details] = status.metadata.get('grpc-status-details-bin');
      expect(decodeStatusDetails(details as Buffer)).toMatchObject({
        reason: 'STREAM_LIMIT',
        retryAfterMs: 0,
      });
      expect(status.details).toContain('server.maxConnectionAge');
    });

    it('a client that will not leave is cut off after the grace', async () => {
      await using server = await startGateway({
        'server.streamHandler': streamHandler,
        'server.maxConnectionAge': '300ms',
        'server.ageJitter': 0,
        'server.ageGrace': '200ms',
        defaultRoute: 'conformance',
      });
      using client = new StreamClient(server.address);
      client.send({ sessionId: 's', metadata: { never: '' } });
      const status = await client.status;
      expect(status.code).toBe(14);
      expect(server.gateway.metrics.up.droppedBy['connection-closed']).toBe(1);
    });
  },
);
