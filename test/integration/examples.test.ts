import { describe, expect, it } from 'vitest';
import { sumRoute } from '../../examples/own-route/main.js';
import { startGateway } from '../helpers/gateway.js';
import { StreamClient } from '../helpers/stream-client.js';

describe('examples/own-route', () => {
  it('keeps a total a session, and a wrong message fails alone', async () => {
    await using server = await startGateway({}, { sum: sumRoute });
    using client = new StreamClient(server.address, { metadata: { 'x-route': 'sum' } });
    client.sendData('a', '40');
    client.sendData('b', '1');
    client.sendData('a', 'forty');
    client.sendData('a', '2');
    client.halfClose();
    expect((await client.status).code).toBe(0);
    const sums = (id: string) => client.data.filter((m) => m.sessionId === id).map((m) => m.data.toString());
    expect(sums('a')).toEqual(['40', '42']);
    expect(sums('b')).toEqual(['1']);
    expect(client.controls('error').map((m) => m.control?.['error'])).toMatchObject([
      { code: 'ROUTE_FAILED', message: '"forty" is not a number' },
    ]);
  });
});
