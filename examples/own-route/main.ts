/**
 * A route of your own: each session is a running total. Numbers go up, sums
 * come down; one that isn't a number fails alone.
 *
 *   npx tsx examples/own-route/main.ts
 *   npx buf curl --protocol grpc --http2-prior-knowledge \
 *     -d '{"sessionId":"s1","data":"NDI="}' http://127.0.0.1:50051/sluice.v1.StreamService/StreamData
 */
import { runGateway, SluiceError, type Route } from '../../src/index.js'; // in your own project: from 'sluice'

export const sumRoute: Route = {
  kind: 'sum',
  open(session) {
    let total = 0;
    return {
      handle(message) {
        const text = new TextDecoder().decode(message.data);
        const value = Number(text);
        if (text.trim() === '' || !Number.isFinite(value)) {
          throw new SluiceError('ROUTE_FAILED', `"${text}" is not a number`);
        }
        total += value;
        return session.send({ data: new TextEncoder().encode(String(total)) });
      },
    };
  },
};

if (process.argv[1] === import.meta.filename) {
  process.exitCode = await runGateway({ routes: { sum: sumRoute }, defaultRoute: 'sum' });
}
