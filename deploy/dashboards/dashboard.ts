/**
 * What a dashboard says, without how Grafana writes it down: rows of panels, each with its expressions. The files in
 * deploy/grafana/dashboards are made of it (`npm run docs`), and a test compares them.
 */

export interface Query {
  readonly expr: string;
  /** With labels as Grafana has them: `{{code}}`. */
  readonly legend: string;
}

/** Units as Grafana calls them. `short`: a count. */
export type Unit = 'short' | 'bytes' | 'Bps' | 'ops' | 's' | 'percentunit';

export interface Panel {
  readonly title: string;
  readonly unit: Unit;
  /** What to think when it is high. */
  readonly about?: string;
  readonly queries: readonly Query[];
  /** Default: lines over time. `bars`: two queries side by side. `figure`: the value now. */
  readonly shape?: 'lines' | 'bars' | 'figure';
  /** Of 24. Default: 8; of a figure 4. */
  readonly width?: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  /** The least time between two points: that of a bar. */
  readonly interval: string;
  /** How far back it looks at first: `15m`. */
  readonly since: string;
  /** A choice above the panels, `$name` in the expressions: of what a label has. */
  readonly choice?: { readonly name: string; readonly query: string };
  readonly rows: readonly Row[];
}

/** Every expression of a dashboard, with where it stands. */
export function queriesOf({ title, rows }: Dashboard): readonly (Query & { readonly where: string })[] {
  return rows.flatMap((row) =>
    row.panels.flatMap((panel) =>
      panel.queries.map((query) => ({ ...query, where: `${title} / ${row.title} / ${panel.title}` })),
    ),
  );
}
