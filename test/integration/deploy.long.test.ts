/**
 * What deploy/ gives Prometheus and Grafana, judged by a real Prometheus that scrapes a real gateway at work: every
 * panel has something to show, every alert looks at series that exist. Needs Debian's package `prometheus`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { gatewayDashboard } from '../../deploy/dashboards/gateway-dashboard.js';
import { queriesOf } from '../../deploy/dashboards/dashboard.js';
import { stockDashboard } from '../../deploy/dashboards/stock-dashboard.js';
import { fillTemplate } from '../../deploy/fill-template.js';
import { prometheusTool } from '../../examples/kit/prometheus.js';
import { WatchedGateway } from '../helpers/watched-gateway.js';

interface Rule {
  readonly alert: string;
  readonly expr: string;
}

interface RuleTest {
  readonly alert_rule_test: readonly {
    readonly alertname: string;
    readonly exp_alerts?: readonly unknown[];
  }[];
}

const RULES = 'deploy/prometheus/rules.yml';
const RULE_TESTS = 'deploy/prometheus/rules.test.yml';
const promtool = prometheusTool('promtool');
if (promtool === undefined && process.env['CI'] !== undefined) throw new Error('there is no prometheus here');

const { groups } = parse(readFileSync(RULES, 'utf8')) as {
  readonly groups: readonly { readonly rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);

describe.skipIf(promtool === undefined)('deploy/prometheus', () => {
  const check = (...args: string[]): { readonly status: number | null; readonly output: string } => {
    const { status, stdout, stderr } = spawnSync(promtool ?? '', args, { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };

  it('has rules that promtool understands', () => {
    expect(check('check', 'rules', RULES)).toMatchObject({ status: 0 });
  });

  it('has a configuration that it understands', () => {
    const folder = mkdtempSync(join(tmpdir(), 'prometheus-config-'));
    try {
      const file = join(folder, 'prometheus.yml');
      const values = {
        SCRAPE_INTERVAL: '1s',
        GATEWAY_TARGETS: '[]',
        STOCK_TARGETS: '[]',
        RULES_FILE: resolve(RULES),
      };
      writeFileSync(file, fillTemplate(readFileSync('deploy/prometheus/prometheus.yml', 'utf8'), values));
      expect(check('check', 'config', file)).toMatchObject({ status: 0 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has alerts that come when they should, and not otherwise', () => {
    expect(check('test', 'rules', RULE_TESTS)).toMatchObject({ status: 0 });
  });

  it('tries each alert both ways', () => {
    const { tests } = parse(readFileSync(RULE_TESTS, 'utf8')) as { readonly tests: readonly RuleTest[] };
    const tried = tests.flatMap((each) => each.alert_rule_test);
    for (const { alert } of rules) {
      const ways = tried
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts: expected = [] }) => expected.length);
      expect(ways, alert).toContain(0);
      expect(ways, alert).toContain(1);
    }
  });
});

it.skipIf(promtool === undefined)(
  'a gateway at work gives each panel something to show, and each alert something to look at; none fires',
  { timeout: 300_000 },
  async () => {
    await using watched = await WatchedGateway.start();
    for (const dashboard of [gatewayDashboard, stockDashboard]) {
      const queries = queriesOf(dashboard).map(
        ({ expr, legend, where }) => [`${where}: ${legend} = ${expr}`, expr] as const,
      );
      expect(queries.length).toBeGreaterThan(5);
      await untilEmpty(() => watched.withoutData(queries));
    }
    const selectors = rules.flatMap(({ alert, expr }) =>
      [...expr.matchAll(/\b(?:up|(?:sluice|nodejs|process)_\w+)\b(?:\{[^}]*\})?/g)].map(
        ([selector]) => [`${alert}: ${selector}`, selector] as const,
      ),
    );
    expect(new Set(selectors.map(([, selector]) => selector)).size).toBeGreaterThan(rules.length);
    await untilEmpty(() => watched.withoutData(selectors));
    await untilEmpty(() => watched.ruleFaults(rules.length));
  },
);

async function untilEmpty(faults: () => Promise<readonly string[]>): Promise<void> {
  await expect.poll(faults, { timeout: 60_000, interval: 1_000 }).toEqual([]);
}
