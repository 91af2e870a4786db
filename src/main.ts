#!/usr/bin/env node
import { runCommandLine } from './cli/command-line.js';
import { COMMANDS } from './cli/commands/index.js';
import { ProcessIo } from './cli/frame/process-io.js';
import { VERSION } from './version.js';

const io = new ProcessIo(VERSION);
process.exitCode = await runCommandLine(process.argv.slice(2), COMMANDS, io, () => {
  io.takeOver();
});
io.dispose();
