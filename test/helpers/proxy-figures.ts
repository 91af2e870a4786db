/** What a gateway's metrics say, as Prometheus would read them. */

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

export class Figures {
  readonly #samples: readonly Sample[];

  private constructor(text: string) {
    this.#samples = [...text.matchAll(/^([a-z_]+)(?:\{(.*)\})? (\S+)$/gm)].map(
      ([, name = '', labels = '', value]) => ({
        name,
        labels: Object.fromEntries(
          [...labels.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, key = '', text = '']) => [key, text]),
        ),
        value: Number(value),
      }),
    );
  }

  /** `admin`: with or without `http://`. */
  static async of(admin: string): Promise<Figures> {
    const response = await fetch(`${admin.startsWith('http') ? admin : `http://${admin}`}/metrics`);
    return new Figures(await response.text());
  }

  /** All samples of this name, with these labels, in one. */
  sum(name: string, labels: Labels = {}): number {
    const found = this.#samples.filter(
      (sample) =>
        sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
    );
    if (found.length === 0) throw new Error(`no sample ${name} ${JSON.stringify(labels)}`);
    return found.reduce((sum, { value }) => sum + value, 0);
  }
}
