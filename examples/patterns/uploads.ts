/** Measurements sent all the time over a link that is cut: by the service, and natively. */
import { type ClientWritableStream, credentials, Metadata } from '@grpc/grpc-js';
import type { Client } from '../../src/client/index.js';
import { SOON } from './follower.js';
import { type Metric, type MetricsClient, MetricsService, type MetricsSummary } from './services/protos.js';

export interface Upload {
  /** So many measurements were handed over for sending. */
  readonly sent: number;
  measure(value: number): void;
  /** What the answer, or the last one, says to have counted. */
  end(): Promise<number>;
}

/** By `RecordMetrics`: an upload that broke is nothing, and a new one is begun. */
export class UploadToService implements Upload {
  sent = 0;
  readonly #client: MetricsClient;
  #call: ClientWritableStream<Metric> | undefined;
  #answered: (count: number) => void = () => undefined;

  constructor(address: string) {
    this.#client = new MetricsService(
      address,
      credentials.createInsecure(),
      SOON,
    ) as unknown as MetricsClient;
  }

  measure(value: number): void {
    this.sent += 1;
    this.#call ??= this.#begun();
    this.#call.write({ name: 'load', value });
  }

  async end(): Promise<number> {
    const count = await new Promise<number>((resolve) => {
      this.#answered = resolve;
      this.#call?.end();
    });
    this.#client.close();
    return count;
  }

  #begun(): ClientWritableStream<Metric> {
    const call = this.#client.recordMetrics(new Metadata(), (error, summary?: MetricsSummary) => {
      if (error !== null && this.#call === call) this.#call = undefined;
      this.#answered(summary?.count ?? 0);
    });
    call.on('error', () => undefined);
    return call;
  }
}

/** In a session of the native route, which outlives its connection. */
export async function uploadNatively(client: Client): Promise<Upload> {
  const session = await client.open('metrics');
  let sent = 0;
  return {
    get sent() {
      return sent;
    },
    measure(value) {
      sent += 1;
      void session.send(JSON.stringify({ name: 'load', value }));
    },
    async end() {
      await session.send('averages');
      const answer = await session.receive();
      await session.close();
      return (JSON.parse(answer?.text ?? '{"count":0}') as { readonly count: number }).count;
    },
  };
}
