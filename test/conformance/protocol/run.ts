/** npm run conformance -- --help */
import { conformance } from './command.js';

process.exitCode = await conformance(
  process.argv.slice(2),
  (line) => void process.stdout.write(`${line}\n`),
  (line) => void process.stderr.write(`${line}\n`),
);
