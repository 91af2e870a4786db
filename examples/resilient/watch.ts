/** What the gateway's own metrics say, looked at twice a second. */
import type { GatewayProcess } from '../kit/gateway-process.js';
import type { Report } from '../kit/report.js';
import type { Bystanders } from './bystanders.js';

const EVERY_MS = 500;
const MAX_ASKED = 20;

export interface Sample {
  readonly seconds: number;
  /** Every series that has a number, by name and labels. */
  readonly values: ReadonlyMap<string, number>;
  readonly bystandersP99Ms: number;
}

export class Watch {
  readonly samples: Sample[] = [];
  readonly #gateway: GatewayProcess;
  readonly #report: Report;
  readonly #bystanders: Bystanders;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> | undefined;

  constructor(gateway: GatewayProcess, report: Report, bystanders: Bystanders) {
    this.#gateway = gateway;
    this.#report = report;
    this.#bystanders = bystanders;
    this.#again(0);
  }

  /** The value of a series now. */
  async now(series: string): Promise<number> {
    return (await this.#values()).get(series) ?? 0;
  }

  /** The value of a series once it is above this, or as it is in the end. Scrapes that meet share one, which may be from before. */
  async risen(series: string, above: number): Promise<number> {
    let value = await this.now(series);
    for (let asked = 1; value <= above && asked < MAX_ASKED; asked += 1) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      value = await this.now(series);
    }
    return value;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#underWay;
  }

  async #values(): Promise<Map<string, number>> {
    return valuesOf(await this.#gateway.metrics());
  }

  #again(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#underWay = this.#sample();
    }, delayMs);
  }

  async #sample(): Promise<void> {
    try {
      const values = await this.#values();
      const { seconds } = this.#report;
      this.samples.push({ values, seconds, bystandersP99Ms: this.#bystanders.recentP99Ms() });
    } catch {
      return; // The gateway has left.
    }
    if (this.#timer !== undefined) this.#again(EVERY_MS);
  }
}

/** Prometheus' text format, 0.0.4. */
function valuesOf(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (!line.startsWith('#') && at > 0) values.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return values;
}
