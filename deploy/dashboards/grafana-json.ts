/** A dashboard as Grafana reads it from a file. */
import type { Dashboard, Panel } from './dashboard.js';

/** The data source of deploy/grafana/datasource.yml. */
const DATASOURCE = { type: 'prometheus', uid: 'prometheus' };
/** Of the grid: a panel, a figure, the line of a row. */
const HEIGHT = { lines: 8, bars: 9, figure: 4, row: 1 };
const FULL_WIDTH = 24;

export function grafanaJson(dashboard: Dashboard): string {
  const { uid, title, interval, since, choice } = dashboard;
  const json = {
    uid,
    title,
    tags: ['sluice'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: interval,
    time: { from: `now-${since}`, to: 'now' },
    timezone: 'browser',
    templating: { list: choice === undefined ? [] : [variable(choice)] },
    panels: panelsOf(dashboard),
  };
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

function variable({ name, query }: NonNullable<Dashboard['choice']>): object {
  return {
    name,
    label: name,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  };
}

/** From left to right, and on in the next line where one is full. */
function panelsOf({ rows, interval }: Dashboard): readonly object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    const gridPos = { h: HEIGHT.row, w: FULL_WIDTH, x: 0, y };
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos,
      panels: [],
    });
    y += HEIGHT.row;
    let x = 0;
    let lineHeight = 0;
    for (const panel of row.panels) {
      const shape = panel.shape ?? 'lines';
      const w = panel.width ?? (shape === 'figure' ? 4 : 8);
      if (x + w > FULL_WIDTH) {
        y += lineHeight;
        x = 0;
        lineHeight = 0;
      }
      panels.push(panelOf(panel, panels.length + 1, { h: HEIGHT[shape], w, x, y }, interval));
      x += w;
      lineHeight = Math.max(lineHeight, HEIGHT[shape]);
    }
    y += lineHeight;
  }
  return panels;
}

function panelOf(panel: Panel, id: number, gridPos: object, interval: string): object {
  const { title, about, unit, queries, shape = 'lines' } = panel;
  return {
    id,
    type: shape === 'figure' ? 'stat' : 'timeseries',
    title,
    ...(about !== undefined && { description: about }),
    datasource: DATASOURCE,
    gridPos,
    interval,
    fieldConfig: {
      defaults: { unit, min: 0, ...(shape !== 'figure' && { custom: drawing(shape) }) },
      overrides: shape === 'bars' ? queries.map(({ legend }, at) => beside(legend, at)) : [],
    },
    options:
      shape === 'figure'
        ? { colorMode: 'value', graphMode: 'area', reduceOptions: { calcs: ['lastNotNull'] } }
        : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + at),
      datasource: DATASOURCE,
      editorMode: 'code',
      expr,
      legendFormat: legend,
      range: true,
    })),
  };
}

function drawing(shape: 'lines' | 'bars'): object {
  return shape === 'bars'
    ? { drawStyle: 'bars', fillOpacity: 80, lineWidth: 0, barWidthFactor: 0.4 }
    : { drawStyle: 'line', fillOpacity: 8, lineWidth: 1, showPoints: 'never', spanNulls: false };
}

/** Bars of one moment would cover each other: the first stands before it, the second behind. */
function beside(name: string, at: number): object {
  return {
    matcher: { id: 'byName', options: name },
    properties: [{ id: 'custom.barAlignment', value: at === 0 ? -1 : 1 }],
  };
}
