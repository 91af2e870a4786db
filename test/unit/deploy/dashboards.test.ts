import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Dashboard, queriesOf } from '../../../deploy/dashboards/dashboard.js';
import { gatewayDashboard } from '../../../deploy/dashboards/gateway-dashboard.js';
import { grafanaJson } from '../../../deploy/dashboards/grafana-json.js';
import { stockDashboard } from '../../../deploy/dashboards/stock-dashboard.js';

interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

const dashboards: readonly Dashboard[] = [gatewayDashboard, stockDashboard];

/** Names of metrics in an expression: `sluice_…`, `process_…`, without what a histogram adds. */
const metricsOf = (expr: string): string[] =>
  [...expr.matchAll(/\b((?:sluice|process|nodejs)_\w+)\b/g)].map(([name]) =>
    name.replace(/_(bucket|sum|count)$/, ''),
  );

describe.each(dashboards)('the dashboard $uid', (dashboard) => {
  const json = grafanaJson(dashboard);
  const { panels } = JSON.parse(json) as {
    readonly panels: readonly {
      readonly id: number;
      readonly gridPos: GridPosition;
      readonly type: string;
    }[];
  };

  it('stands in deploy/grafana/dashboards as it is described', async () => {
    await expect(json).toMatchFileSnapshot(`../../../deploy/grafana/dashboards/${dashboard.uid}.json`);
  });

  it('has panels that lie side by side, none over another and none beyond the edge', () => {
    const taken = new Set<string>();
    for (const { gridPos } of panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(x).toBeLessThan(24);
          expect(taken.has(`${x},${y}`)).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it('names no panel twice in a row, and gives each query a legend', () => {
    for (const { title, panels: inRow } of dashboard.rows) {
      expect(new Set(inRow.map((panel) => panel.title)).size, title).toBe(inRow.length);
    }
    for (const { legend, where } of queriesOf(dashboard)) expect(legend, where).not.toBe('');
  });
});

it('dashboards and alerts speak of metrics that docs/metrics.md tells of', () => {
  const page = readFileSync('docs/metrics.md', 'utf8');
  const rules = readFileSync('deploy/prometheus/rules.yml', 'utf8');
  const exprs = [...dashboards.flatMap((each) => queriesOf(each).map(({ expr }) => expr)), rules];
  const names = new Set(exprs.flatMap(metricsOf));
  expect(names.size).toBeGreaterThan(40);
  for (const name of names) expect(page, name).toContain(`\`${name}\``);
});
