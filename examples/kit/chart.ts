/** Pictures of what an example measured: panels of lines over time, one below the other, as SVG. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BarSeriesOption, LineSeriesOption, ScatterSeriesOption } from 'echarts';
import { init, use } from 'echarts/core';
import { BarChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from 'echarts/components';
import { SVGRenderer } from 'echarts/renderers';

use([
  BarChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TitleComponent,
  SVGRenderer,
]);

export interface Series {
  readonly name: string;
  /** Seconds since the start, and the value. */
  readonly points: readonly (readonly [atSeconds: number, value: number])[];
  /** Default: a line. `steps`: it holds its value until the next point. `area`: filled down to 0. `bars`: beside those of the other series. */
  readonly shape?: 'line' | 'steps' | 'dots' | 'area' | 'bars';
}

export interface Panel {
  readonly title: string;
  /** Behind the values of the axis, such as "MiB". */
  readonly unit: string;
  readonly series: readonly Series[];
  /** A level that must not be crossed, drawn across. */
  readonly limit?: { readonly name: string; readonly value: number };
  /** Default: what the values need, and 0. */
  readonly max?: number;
  /** Of the whole panel, in pixels. Default 210. */
  readonly height?: number;
  /** The part of the time that is shown. Default: all of it, up to the last point of any panel. */
  readonly seconds?: { readonly from: number; readonly to: number };
}

export interface Chart {
  readonly title: string;
  /** One sentence below it: what is to be seen. In several lines where it has line breaks. */
  readonly subtitle: string;
  readonly panels: readonly Panel[];
  /** Moments at which something happened: lines down through all panels. */
  readonly marks?: readonly Mark[];
}

export interface Mark {
  readonly seconds: number;
  /** Above the line in the first panel: a letter or two. */
  readonly name: string;
  /** Default: 1. 2 is above that, where marks of two kinds stand close. */
  readonly row?: 1 | 2;
}

const WIDTH = 960;
const HEAD_HEIGHT = 70;
/** Of each line of the subtitle behind the first. */
const SUBTITLE_LINE_HEIGHT = 17;
const PANEL_HEIGHT = 210;
/** Of a panel's height, for its title and its legend. */
const PANEL_HEAD = 48;
/** The same in each panel, from the first series on. */
const COLOURS = ['#3b6fd4', '#e08a1e', '#2f9e62', '#b0408f', '#6b7280', '#c0392b', '#14899a', '#8b6d3f'];

/** Writes the chart, and the folders it needs. */
export function writeChart(file: string, chart: Chart): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, svgOf(chart));
}

export function svgOf({ title, subtitle, panels, marks = [] }: Chart): string {
  const heights = panels.map(({ height = PANEL_HEIGHT }) => height);
  const headHeight = HEAD_HEIGHT + SUBTITLE_LINE_HEIGHT * (subtitle.split('\n').length - 1);
  const topOf = (index: number): number =>
    headHeight + PANEL_HEAD + heights.slice(0, index).reduce((total, each) => total + each, 0);
  const height = headHeight + heights.reduce((total, each) => total + each, 0);
  const canvas = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  canvas.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: [
      { text: title, subtext: subtitle, left: 16, top: 10 },
      ...panels.map((panel, index) => ({
        text: `${panel.title} (${panel.unit})`,
        left: 16,
        top: topOf(index) - PANEL_HEAD,
        textStyle: { fontSize: 13 },
      })),
    ],
    grid: panels.map((_, index) => ({
      left: 64,
      right: 24,
      top: topOf(index),
      height: (heights[index] ?? PANEL_HEIGHT) - PANEL_HEAD - 36,
    })),
    legend: panels.map((panel, index) => ({
      data: panel.series.map(({ name }) => name),
      right: 24,
      top: topOf(index) - PANEL_HEAD + 2,
      // Viewers whose font is wider than was reckoned with need the room.
      itemGap: 22,
      itemWidth: 14,
      itemHeight: 4,
      icon: 'roundRect',
      textStyle: { fontSize: 11 },
    })),
    xAxis: panels.map(({ seconds = { from: 0, to: lastSecond(panels) } }, index) => ({
      type: 'value',
      gridIndex: index,
      min: seconds.from,
      max: seconds.to,
      // The axis of bars begins where that of lines does.
      containShape: false,
      axisLabel: { formatter: '{value} s', showMaxLabel: false },
    })),
    yAxis: panels.map((panel, index) => ({
      type: 'value',
      gridIndex: index,
      min: 0,
      ...(panel.max !== undefined && { max: panel.max }),
    })),
    series: panels.flatMap((panel, index) =>
      panel.series.map((each, at) => drawn(panel, each, index, at, marks)),
    ),
  });
  const svg = canvas.renderToSVGString();
  canvas.dispose();
  // A hundredth of a pixel is enough; the rest would be half of the file.
  return svg.replaceAll(/(\d\.\d\d)\d+/g, '$1');
}

function lastSecond(panels: readonly Panel[]): number {
  const ends = panels
    .filter(({ seconds }) => seconds === undefined)
    .flatMap(({ series }) => series.flatMap(({ points }) => points.at(-1)?.[0] ?? []));
  return Math.max(1, ...ends);
}

function drawn(
  { limit }: Panel,
  { name, points, shape = 'line' }: Series,
  index: number,
  at: number,
  marks: readonly Mark[],
): BarSeriesOption | LineSeriesOption | ScatterSeriesOption {
  const color = COLOURS[at % COLOURS.length] ?? '';
  const common = {
    name,
    data: points.map((point) => [...point]),
    xAxisIndex: index,
    yAxisIndex: index,
    itemStyle: { color },
  };
  // What lies across a panel is drawn with its first series.
  const markLine = at === 0 && {
    silent: true,
    symbol: 'none',
    data: [
      ...(limit === undefined ? [] : [limitLine(limit)]),
      ...marks.map((mark) => markLineOf(mark, index)),
    ],
  };
  if (shape === 'dots') return { type: 'scatter', symbolSize: 4, ...common, ...(markLine && { markLine }) };
  if (shape === 'bars')
    return { type: 'bar', barGap: '8%', barCategoryGap: '30%', ...common, ...(markLine && { markLine }) };
  return {
    type: 'line',
    showSymbol: false,
    clip: true,
    lineStyle: { width: 1.5, color },
    ...(shape === 'area' && { areaStyle: { color, opacity: 0.25 } }),
    ...(shape === 'steps' && { step: 'end' as const }),
    ...common,
    ...(markLine && { markLine }),
  };
}

function limitLine({ name, value }: NonNullable<Panel['limit']>) {
  return {
    yAxis: value,
    lineStyle: { color: '#c00000', type: 'dashed' as const },
    label: { formatter: name, position: 'insideEndTop' as const },
  };
}

function markLineOf({ seconds, name, row = 1 }: Mark, panel: number) {
  return {
    xAxis: seconds,
    lineStyle: { color: '#9aa0a6', type: 'dotted' as const },
    label: {
      show: panel === 0,
      formatter: name,
      position: 'end' as const,
      distance: row === 1 ? 3 : 13,
      fontSize: 9,
      color: '#444444',
    },
  };
}
