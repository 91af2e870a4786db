/** Looks for secrets in whatever was written: whole or in pieces, as they are or encoded. */

export interface Finding {
  /** The secret's name, never itself. */
  readonly secret: string;
  readonly where: string;
  /** What stands around it, with the secret blotted out. */
  readonly context: string;
}

/** The shortest piece that counts: 12 characters of a random text are nowhere by chance. */
const PIECE = 12;
const CONTEXT = 80;

export class SecretSweep {
  /** Every piece of every form of every secret, and whose it is. */
  readonly #pieces = new Map<string, string>();

  /** At least 12 characters; `bytes` for what is no text. */
  add(name: string, secret: string | Uint8Array): void {
    const forms =
      typeof secret === 'string' ? [secret, ...encodings(Buffer.from(secret))] : encodings(secret);
    let count = 0;
    for (const form of forms) {
      for (let at = 0; at + PIECE <= form.length; at += 1) {
        this.#pieces.set(form.slice(at, at + PIECE), name);
        count += 1;
      }
    }
    if (count === 0) throw new Error(`${name} is too short to be looked for`);
  }

  /** Every secret of which a piece stands in the text, once each. */
  find(where: string, text: string): readonly Finding[] {
    const found = new Map<string, Finding>();
    for (let at = 0; at + PIECE <= text.length; at += 1) {
      const secret = this.#pieces.get(text.slice(at, at + PIECE));
      if (secret === undefined || found.has(secret)) continue;
      const before = text.slice(Math.max(0, at - CONTEXT), at);
      found.set(secret, { secret, where, context: `${before}▒▒▒` });
    }
    return [...found.values()];
  }
}

/** Base64 of a longer text holds that of a secret within it at one of three alignments; its first and last characters mix with the neighbours. */
function encodings(bytes: Uint8Array): readonly string[] {
  const hex = Buffer.from(bytes).toString('hex');
  const base64 = [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const inner = text.slice(shift === 0 ? 0 : shift + 1, -1);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return [Buffer.from(bytes).toString('latin1'), hex, hex.toUpperCase(), ...base64];
}
