import { expect, it } from 'vitest';
import { metadataOf } from '../../../src/transport/websocket/request-metadata.js';

/** As Node.js shows the bytes of a header. */
const bytesOf = (text: string): string => Buffer.from(text).toString('latin1');
const noQuery = new URLSearchParams();

it('headers are UTF-8', () => {
  const metadata = metadataOf({ 'x-client-id': bytesOf('Zoë'), 'x-mood': bytesOf('☺') }, noQuery, undefined);
  expect(Object.fromEntries(metadata)).toEqual({ 'x-client-id': 'Zoë', 'x-mood': '☺' });
});

it('a name that is not is refused, whatever else is not comes as it is', () => {
  expect(() => metadataOf({ 'x-subject': 'Zo\xeb' }, noQuery, undefined)).toThrow(
    'header x-subject is not UTF-8: "Zoë"',
  );
  const metadata = metadataOf({ 'x-city': 'S\xe3o Paulo' }, noQuery, undefined);
  expect(metadata.get('x-city')).toBe('São Paulo');
});
