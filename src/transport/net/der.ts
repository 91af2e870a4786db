/** One element of a DER encoding (ITU-T X.690): its identifier octet, and what lies in it. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
}

/** Identifier octets as X.509 uses them. */
export const DerTag = {
  OCTET_STRING: 0x04,
  OBJECT_IDENTIFIER: 0x06,
  UTF8_STRING: 0x0c,
  PRINTABLE_STRING: 0x13,
  IA5_STRING: 0x16,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** Of the identifier octet: the tag number is in further octets. X.509 has none so high. */
const HIGH_TAG_NUMBER = 0x1f;
/** Lengths of more octets than these are of elements above 4 GiB. */
const MAX_LENGTH_OCTETS = 4;

/**
 * The elements that fill `bytes` to the last; they share its memory. Throws
 * where it is no DER: an element that reaches beyond the end, a length that is
 * indefinite or longer than needed.
 */
export function derElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = octet(bytes, at);
    if ((tag & HIGH_TAG_NUMBER) === HIGH_TAG_NUMBER) throw new DerError('a tag number above 30');
    const short = octet(bytes, at + 1);
    at += 2;
    let length = short;
    if (short >= 0x80) {
      const octets = short - 0x80;
      if (octets === 0 || octets > MAX_LENGTH_OCTETS || at + octets > bytes.length) throw badLength();
      length = bytes.readUIntBE(at, octets);
      // One way to write each length (X.690 section 10.1).
      if (length < 0x80 || length < 2 ** (8 * (octets - 1))) throw badLength();
      at += octets;
    }
    if (length > bytes.length - at) throw badLength();
    elements.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return elements;
}

/** What `bytes` holds as exactly one element of this tag; throws where it is anything else. */
export function derContent(bytes: Buffer, tag: number): Buffer {
  const elements = derElements(bytes);
  const [only] = elements;
  if (only?.tag !== tag || elements.length > 1) throw new DerError('an element of another kind');
  return only.content;
}

export class DerError extends Error {
  override readonly name = 'DerError';

  constructor(what: string) {
    super(`its encoding has ${what}`);
  }
}

function octet(bytes: Buffer, at: number): number {
  const value = bytes[at];
  if (value === undefined) throw badLength();
  return value;
}

function badLength(): DerError {
  return new DerError('a length that does not hold');
}
