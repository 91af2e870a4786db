import type { Command } from '../frame/command.js';
import { bench } from './bench.js';
import { chat } from './chat.js';
import { completion } from './completion.js';
import { config } from './config.js';
import { help } from './help.js';
import { ping } from './ping.js';
import { send } from './send.js';
import { serve } from './serve.js';
import { status } from './status.js';
import { tail } from './tail.js';
import { top } from './top.js';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  serve,
  config,
  send,
  tail,
  chat,
  ping,
  bench,
  status,
  top,
  completion,
  help,
];
