import type { Arguments } from '../frame/command.js';
import { GATEWAY_OPTIONS } from '../gateway-options.js';
import { SESSION_OPTIONS } from './session-options.js';

export const CHAT_OPTIONS = { ...SESSION_OPTIONS, ...GATEWAY_OPTIONS } as const;

export type ChatArguments = Arguments<typeof CHAT_OPTIONS>['options'];
