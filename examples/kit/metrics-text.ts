/** The value of a sample in Prometheus' text format, named as it stands there: `sluice_sessions` or `name{label="value"}`. */
export function sampleOf(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  if (line === undefined) throw new Error(`there is no sample ${name}`);
  return Number(line.slice(name.length + 1).split(' ')[0]);
}
