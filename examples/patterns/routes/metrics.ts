/**
 * MetricsService as a native route. By `Ingest` it is what the service is: many
 * measurements, one answer. In a session the answer can be had at any time, by
 * the message `averages`, and a broken connection ends nothing.
 */
import { defineRoute, SluiceError } from '../../../src/index.js'; // in your own project: from 'sluice'
import { Averages } from '../services/averages.js';

const metrics = defineRoute({
  open: () => new Averages(),
  message({ text }, _session, averages) {
    if (text === 'averages') return JSON.stringify({ count: averages.count, averages: averages.byName() });
    const { name = '', value = NaN } = JSON.parse(text) as { name?: string; value?: number };
    const fault = Averages.faultOf(name, value);
    if (fault !== undefined) throw new SluiceError('INVALID_MESSAGE', fault);
    averages.add(name, value);
    return undefined;
  },
  aggregates: (averages) => averages.byName(),
});

export { metrics as default };
