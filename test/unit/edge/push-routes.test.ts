/** A push whose caller leaves while it is found out who they are. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, it } from 'vitest';
import type { EdgeAnswer } from '../../../src/edge/edge-route.js';
import { pushRoutes } from '../../../src/edge/push-routes.js';
import type { Pushes } from '../../../src/edge/pushes.js';

it('whoever has left before it is known who they are holds no place', async () => {
  let known = (): void => undefined;
  const identified = new Promise<void>((resolve) => {
    known = resolve;
  });
  const pushes = {
    identify: () => identified,
    refuseHopeless: () => undefined,
    inPlace: (_identity: unknown, work: () => Promise<unknown>) => work(),
  } as unknown as Pushes;
  const [route] = pushRoutes({
    pushes,
    account: { add: () => undefined },
    maxMessageBytes: 1_024,
    queryToken: false,
  });
  let answered: EdgeAnswer | Promise<EdgeAnswer | undefined> | undefined;
  const server = createServer((request, response) => {
    const peer = { peer: 'here', certificate: undefined };
    answered = route?.serve({ request, response, peer, params: { client: 'ann' }, query: {} });
    response.once('close', () => {
      known();
    });
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nh');
  await identified;
  expect(await answered).toBeUndefined();
  server.close();
  await once(server, 'close');
});
