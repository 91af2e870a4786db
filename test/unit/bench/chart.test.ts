import { describe, expect, it } from 'vitest';
import {
  CHARACTER,
  linearTicks,
  logarithmicTicks,
  renderChart,
  wrapped,
  type Chart,
} from '../../../bench/harness/chart.js';
import { chartsOf } from '../../../bench/harness/charts.js';
import { madeUpRecord } from './made-up-record.js';

const flat = (value: number) => ({ median: value, min: value, max: value });

const chart: Chart = {
  title: 'A & <b>',
  axis: 'things',
  scale: 'linear',
  groups: [
    {
      title: 'one',
      items: [
        { label: 'half', tone: 'sluice', value: flat(50), text: 'fifty' },
        { label: 'whole', tone: 'go', value: flat(100), text: 'a hundred', wanted: 75 },
      ],
    },
  ],
  formatTick: String,
};

const barWidths = (svg: string): number[] =>
  [...svg.matchAll(/<rect [^>]*width="([\d.]+)" height="14"/g)].map(([, width]) => Number(width));

describe('renderChart', () => {
  it('draws a bar as long as its value', () => {
    const [half, whole] = barWidths(renderChart(chart));
    expect(whole! / half!).toBeCloseTo(2, 1);
  });

  it('escapes what is not its own', () => {
    const svg = renderChart(chart);
    expect(svg).toContain('A &amp; &lt;b>');
    expect(svg).not.toContain('<b>');
  });

  it('marks what was wanted between the bars of its half and its whole', () => {
    const svg = renderChart(chart);
    const [, x] = /<line x1="([\d.]+)"[^>]*class="wanted"/.exec(svg)!;
    const [half, whole] = barWidths(svg);
    const left = Number(x) - half!;
    expect(left).toBeGreaterThan(0);
    expect(Number(x)).toBeCloseTo(152 + (half! + whole!) / 2, 0);
  });

  it('stretches the axis to a limit beyond all values', () => {
    const [without] = barWidths(renderChart(chart));
    const [withLimit] = barWidths(renderChart({ ...chart, limit: { value: 300, label: 'most' } }));
    expect(withLimit).toBeLessThan(without! / 2);
  });

  it('puts points a decade apart where the axis is logarithmic', () => {
    const items = [1, 10, 100].map((value) => ({
      label: '',
      tone: 'go' as const,
      value: flat(value),
      text: '',
    }));
    const svg = renderChart({ ...chart, scale: 'logarithmic', groups: [{ title: '', items }] });
    const [a, b, c] = [...svg.matchAll(/<circle cx="([\d.]+)"/g)].map(([, x]) => Number(x));
    expect(b! - a!).toBeCloseTo(c! - b!, 0);
  });

  it('says when nothing was measured', () => {
    expect(renderChart({ ...chart, groups: [] })).toContain('not measured');
  });
});

describe('the words of a chart', () => {
  it('are broken between words', () => {
    expect(wrapped('one two three four', 9)).toEqual(['one two', 'three', 'four']);
    expect(wrapped('longer-than-that x', 5)).toEqual(['longer-than-that', 'x']);
  });

  it.each(chartsOf(madeUpRecord()).map(({ name, svg }) => [name, svg] as const))(
    '%s: fit into it',
    (_, svg) => {
      const width = Number(/viewBox="0 0 (\d+) /.exec(svg)?.[1]);
      const texts = [...svg.matchAll(/<text x="([\d.]+)"([^>]*)>([^<]*)</g)];
      expect(texts.length).toBeGreaterThan(5);
      for (const [, x, attributes = '', words = ''] of texts) {
        const length = words.replaceAll('&lt;', '<').replaceAll('&amp;', '&').length * CHARACTER;
        const before = attributes.includes('"end"')
          ? length
          : attributes.includes('"middle"')
            ? length / 2
            : 0;
        expect(Number(x) - before, words).toBeGreaterThanOrEqual(0);
        expect(Number(x) - before + length, words).toBeLessThanOrEqual(width);
      }
    },
  );

  it('name only powers of ten where a logarithmic axis is long', () => {
    const items = [600, 900_000].map((value) => ({
      label: '',
      tone: 'go' as const,
      value: flat(value),
      text: '',
    }));
    const svg = renderChart({ ...chart, scale: 'logarithmic', groups: [{ title: '', items }] });
    const labels = [...svg.matchAll(/text-anchor="middle">([^<]*)</g)].map(([, label]) => label);
    expect(labels).toEqual(['1000', '10000', '100000', '1000000']);
  });
});

describe('ticks', () => {
  it.each([
    [0.7, [0, 0.2, 0.4, 0.6, 0.8]],
    [1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [13, [0, 5, 10, 15]],
    [290, [0, 50, 100, 150, 200, 250, 300]],
    [2_900_000, [0, 500_000, 1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000]],
  ])('from 0 to beyond %d', (high, ticks) => {
    expect(linearTicks(high)).toEqual(ticks);
  });

  it.each([
    [0.9, 12, [0.5, 1, 2, 5, 10, 20]],
    [1, 10, [1, 2, 5, 10]],
    [3, 3, [2, 5]],
    [5, 5, [5, 10]],
  ])('logarithmic from %d to %d', (low, high, ticks) => {
    expect(logarithmicTicks(low, high)).toEqual(ticks);
  });
});

describe('the charts of a record', () => {
  const record = madeUpRecord();

  it.each(chartsOf(record).map(({ name, svg }) => [name, svg] as const))(
    '%s has figures, all of them numbers',
    (_, svg) => {
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      expect(svg).not.toContain('not measured');
      expect(svg).toMatch(/prefers-color-scheme: dark/);
    },
  );

  it('compare with the Go port, whose bar is as long as its line', () => {
    const { svg } = chartsOf(record).find(({ name }) => name === 'throughput.svg')!;
    const limit = Number(/<line x1="([\d.]+)"[^>]*class="limit"/.exec(svg)?.[1]);
    const bars = [...svg.matchAll(/<rect x="([\d.]+)"[^>]* width="([\d.]+)" height="14"[^>]*var\(--go\)/g)];
    expect(bars.length).toBeGreaterThan(5);
    for (const [, x, width] of bars) expect(Number(x) + Number(width)).toBeCloseTo(limit, 0);
  });

  it('are drawn without what was not measured', () => {
    for (const { svg } of chartsOf({ ...record, cases: [], bars: [] })) expect(svg).toContain('not measured');
  });
});
