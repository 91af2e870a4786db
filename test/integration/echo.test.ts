import { describe, expect, it } from 'vitest';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';

describe.each(['direct', 'grpc-js'] as const)('echo through the %s handler', (streamHandler) => {
  it.each(['StreamData', 'StreamBatches'] as const)(
    'welcomes, echoes in order and ends with OK: %s',
    async (method) => {
      await using server = await startGateway({ 'server.streamHandler': streamHandler });
      using client = new StreamClient(server.address, { method, metadata: { 'x-client-id': 'ann' } });
      for (let n = 0; n < 1_000; n += 1) client.sendData(`s${n % 3}`, `message ${n}`, { key: `k${n}` });
      client.halfClose();
      const status = await client.status;

      expect(status.code).toBe(0);
      const [welcome] = client.received;
      expect(welcome?.control?.['welcome']).toMatchObject({
        clientId: 'ann',
        nodeId: 'test',
        protocolVersion: 1,
      });
      for (const session of [0, 1, 2]) {
        const texts = client.data.filter((m) => m.sessionId === `s${session}`).map((m) => m.data.toString());
        const sent = Array.from({ length: 1_000 }, (_, n) => n).filter((n) => n % 3 === session);
        expect(texts).toEqual(sent.map((n) => `message ${n}`));
      }
      expect(client.data.every((m) => m.key.startsWith('k') && m.timestampMs > 0)).toBe(true);
      expect(server.gateway.metrics.up.delivered).toBe(1_000);
      expect(server.gateway.metrics.down.delivered).toBe(1_000);
    },
  );
});
