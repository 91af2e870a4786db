/** One metric family of a Prometheus text exposition. */
export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: ParsedSample[];
}

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
};

/**
 * Parses the text format 0.0.4 and refuses whatever a scraper or promtool's
 * linter would: samples without HELP and TYPE before them, families in pieces,
 * duplicates, counters without `_total`, units that are not base units,
 * histograms whose buckets fall or lack +Inf.
 */
export function parseExposition(text: string): ReadonlyMap<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line has no line end');
  const families = new Map<string, ParsedFamily>();
  let helped: { name: string; help: string } | undefined;
  let current: { name: string; family: ParsedFamily } | undefined;
  const seen = new Set<string>();

  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (help) {
      helped = { name: help[1] ?? '', help: help[2] ?? '' };
      continue;
    }
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (type) {
      const name = type[1] ?? '';
      if (helped?.name !== name) throw new Error(`${name} has a TYPE without its HELP before it`);
      if (families.has(name)) throw new Error(`${name} appears twice`);
      const family = { type: type[2] ?? '', help: helped.help, samples: [] };
      families.set(name, family);
      current = { name, family };
      continue;
    }
    const sample = parseSample(line);
    const allowed = current === undefined ? [] : (SUFFIXES[current.family.type] ?? []);
    if (
      current === undefined ||
      !allowed.some((suffix) => sample.name === `${current?.name ?? ''}${suffix}`)
    ) {
      throw new Error(`${sample.name} stands outside its family`);
    }
    const identity = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(identity)) throw new Error(`${identity} is there twice`);
    seen.add(identity);
    current.family.samples.push(sample);
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

function parseSample(line: string): ParsedSample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (!match) throw new Error(`not a sample: ${line}`);
  const labels: Record<string, string> = {};
  let rest = match[2] ?? '';
  while (rest !== '') {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest);
    if (!label) throw new Error(`not a list of labels: ${line}`);
    if (Object.hasOwn(labels, label[1] ?? '')) throw new Error(`a label twice: ${line}`);
    labels[label[1] ?? ''] = (label[2] ?? '').replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    rest = rest.slice(label[0].length);
  }
  const text = match[3] ?? '';
  if (!/^[+-]?(\d+(\.\d+)?(e[+-]?\d+)?|Inf)$/i.test(text)) throw new Error(`not a value: ${line}`);
  return { name: match[1] ?? '', labels, value: Number(text.replace('Inf', 'Infinity')) };
}

function checkFamily(name: string, family: ParsedFamily): void {
  if ((family.type === 'counter') !== name.endsWith('_total')) {
    throw new Error(`${name} is a ${family.type}: _total belongs to counters and to them alone`);
  }
  if (/_(ms|milliseconds|microseconds|minutes|kib|mib|kilobytes|megabytes)(_|$)/i.test(name)) {
    throw new Error(`${name} has a unit that is not a base unit`);
  }
  for (const { name: sampleName, value } of family.samples) {
    if (!Number.isFinite(value)) throw new Error(`${sampleName} is ${value}`);
    if (family.type === 'counter' && value < 0) throw new Error(`${sampleName} is negative`);
  }
  if (family.type === 'histogram') checkHistogram(name, family);
}

function checkHistogram(name: string, family: ParsedFamily): void {
  const series = new Map<string, ParsedSample[]>();
  for (const sample of family.samples) {
    const key = JSON.stringify(Object.entries(sample.labels).filter(([label]) => label !== 'le'));
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const samples of series.values()) {
    const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
    const count = samples.find((sample) => sample.name === `${name}_count`);
    const sum = samples.find((sample) => sample.name === `${name}_sum`);
    if (count === undefined || sum === undefined) throw new Error(`${name} lacks its sum or count`);
    const last = buckets.at(-1);
    if (last?.labels['le'] !== '+Inf') throw new Error(`${name} does not end with +Inf`);
    if (last.value !== count.value) throw new Error(`${name}: +Inf is not the count`);
    for (let index = 1; index < buckets.length; index += 1) {
      const [lower, upper] = [buckets[index - 1], buckets[index]];
      const bound = (sample?: ParsedSample): number =>
        Number(sample?.labels['le']?.replace('+Inf', 'Infinity'));
      if (!(bound(lower) < bound(upper))) throw new Error(`${name}: bounds do not rise`);
      if ((lower?.value ?? 0) > (upper?.value ?? 0)) throw new Error(`${name}: buckets fall`);
    }
  }
}
