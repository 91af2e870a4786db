/** 128 random bits, in hexadecimal. Not a UUID: a page that did not come by HTTPS can't ask its browser for one. */
export function randomId(): string {
  let id = '';
  for (const byte of globalThis.crypto.getRandomValues(new Uint8Array(16))) {
    id += byte.toString(16).padStart(2, '0');
  }
  return id;
}
