import { expect, test } from 'vitest';
import { parsePermission } from '../../../src/core/permission.js';

test.each([
  ['*', { action: '*', route: '*', subject: undefined }],
  ['*:*', { action: '*', route: '*', subject: undefined }],
  ['open:chat', { action: 'open', route: 'chat', subject: undefined }],
  ['open:chat/', { action: 'open', route: 'chat', subject: '' }],
  ['publish:chat/*', { action: 'publish', route: 'chat', subject: '*' }],
  ['subscribe:feed.*/{client}/x-*', { action: 'subscribe', route: 'feed.*', subject: '{client}/x-*' }],
  ['ingest:a_b-c/d:e/f', { action: 'ingest', route: 'a_b-c', subject: 'd:e/f' }],
  ['*:chat/{ {client} é', { action: '*', route: 'chat', subject: '{ {client} é' }],
  [`open:${'r'.repeat(251)}`, { action: 'open', route: 'r'.repeat(251), subject: undefined }],
])('%s', (text, permission) => {
  expect(parsePermission(text)).toEqual({ permission });
});

test.each([
  ['', 'a permission action:route, action:route/subject, or *'],
  ['open', 'a permission action:route, action:route/subject, or *'],
  ['**', 'a permission action:route, action:route/subject, or *'],
  [':chat', 'an action before the colon: open, publish, subscribe, ingest, call, push or *'],
  ['OPEN:chat', 'an action before the colon: open, publish, subscribe, ingest, call, push or *'],
  ['op*:chat', 'an action before the colon: open, publish, subscribe, ingest, call, push or *'],
  ['chat/open:x', 'an action before the colon: open, publish, subscribe, ingest, call, push or *'],
  ['open:', 'a route after the colon: letters, digits, dots, hyphens, underscores and *'],
  ['open:/room', 'a route after the colon: letters, digits, dots, hyphens, underscores and *'],
  ['open: chat', 'a route after the colon: letters, digits, dots, hyphens, underscores and *'],
  ['open:chat\n', 'a route after the colon: letters, digits, dots, hyphens, underscores and *'],
  ['open:{client}', 'a route after the colon: letters, digits, dots, hyphens, underscores and *'],
  ['open:chat/a\nb', 'a subject of printable characters'],
  ['open:chat/a\u202eb', 'a subject of printable characters'],
  ['open:chat/\ud800', 'a subject of printable characters'],
  ['open:chat/{clientId}', 'no placeholder in braces but {client}'],
  ['open:chat/{client}/{}', 'no placeholder in braces but {client}'],
  [`open:${'r'.repeat(252)}`, 'a permission of at most 256 characters'],
])('%j is none', (text, wrong) => {
  expect(parsePermission(text)).toEqual({ wrong });
});
