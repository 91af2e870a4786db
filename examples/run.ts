/**
 * Runs one of the larger examples: `npm run example -- telemetry`.
 *
 *   --short   a few seconds, as in CI
 *   --save    keeps the picture beside the example
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface ExampleOptions {
  /** A few seconds, with all that is proved. */
  readonly short: boolean;
  /** Where the picture goes. */
  readonly pictures: string;
}

/** What an example's example.ts exports. */
interface Example {
  /** One line: what it shows. */
  readonly about: string;
  run(options: ExampleOptions): Promise<void>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } },
});
const [name = ''] = positionals;
const names = readdirSync(import.meta.dirname).filter((each) =>
  existsSync(join(import.meta.dirname, each, 'example.ts')),
);

// An end as any other, with all that goes along (kit/child-process.ts): by default nothing is told of it.
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const)
  process.once(signal, () => process.exit(128 + number));

if (names.includes(name)) {
  const folder = join(import.meta.dirname, name);
  const pictures = values.save ? folder : join(import.meta.dirname, '../.cache/examples', name);
  const example = (await import(join(folder, 'example.ts'))) as Example;
  process.stdout.write(`${name}: ${example.about}\n\n`);
  await example.run({ short: values.short, pictures });
} else {
  process.stderr.write(
    `${name === '' ? 'Which example?' : `There is no example "${name}".`} There are: ${names.join(', ')}.\n`,
  );
  process.exitCode = 2;
}
