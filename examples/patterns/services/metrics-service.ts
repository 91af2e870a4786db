import {
  type sendUnaryData,
  type ServerReadableStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Averages } from './averages.js';
import type { Metric, MetricsSummary } from './protos.js';
import { refusal } from './refusal.js';

/** metrics_service.py is the same in Python. */
export const metricsService: UntypedServiceImplementation = {
  recordMetrics(call: ServerReadableStream<Metric, MetricsSummary>, callback: sendUnaryData<MetricsSummary>) {
    const averages = new Averages();
    let isRefused = false;
    call.on('data', ({ name, value }: Metric) => {
      const fault = Averages.faultOf(name, value);
      if (isRefused) return;
      if (fault === undefined) averages.add(name, value);
      else {
        isRefused = true;
        callback(refusal(status.INVALID_ARGUMENT, fault));
      }
    });
    call.on('end', () => {
      if (!isRefused) callback(null, { count: averages.count, averages: averages.byName() });
    });
  },
};
