import type { Command } from '../frame/command.js';
import { config } from './config.js';
import { help } from './help.js';
import { serve } from './serve.js';
import { status } from './status.js';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [serve, config, status, help];
