#!/usr/bin/env node
// Not compiled: `npx sluice` in a checkout links to this file once and for all, be it before the first build.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('sluice: it is not built yet. Wait for `npm start`, or say `npm run build`.');
  process.exitCode = 1;
}
