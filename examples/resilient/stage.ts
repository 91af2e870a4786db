import type { Mark } from '../kit/chart.js';
import type { Report } from '../kit/report.js';
import type { CrowdProcess } from './crowd-process.js';
import type { GatewayLog } from './gateway-log.js';
import type { Watch } from './watch.js';

/** What every scene has. */
export interface Stage {
  /** Of the gateway. */
  readonly address: string;
  readonly log: GatewayLog;
  readonly watch: Watch;
  readonly crowd: CrowdProcess;
  readonly report: Report;
  readonly marks: Marks;
  /** Connections that the gateway takes. */
  readonly connections: number;
  /** How long somebody is away, or stands still. */
  readonly awayMs: number;
  /** Between the beginnings of two ways to break. */
  readonly breakMs: number;
}

/** What happened when: said as it happens, and marked in the picture. */
export class Marks {
  readonly list: Mark[] = [];
  readonly #report: Report;
  readonly #legend: string[] = [];

  constructor(report: Report) {
    this.#report = report;
  }

  /** The next letter. */
  happens(what: string): void {
    const letter = String.fromCharCode('A'.charCodeAt(0) + this.#legend.length);
    this.#legend.push(`${letter} ${what}`);
    this.#add(letter, what, 2);
  }

  /** A way to break, by its number in the table. */
  breaks(number: number, what: string): void {
    this.#add(String(number), what, 1);
  }

  /** What the letters say, in lines. */
  legend(perLine: number): string {
    const lines: string[] = [];
    for (let at = 0; at < this.#legend.length; at += perLine) {
      lines.push(this.#legend.slice(at, at + perLine).join('   '));
    }
    return lines.join('\n');
  }

  #add(name: string, what: string, row: 1 | 2): void {
    this.#report.say(`${name}: ${what}`);
    this.list.push({ seconds: this.#report.seconds, name, row });
  }
}
