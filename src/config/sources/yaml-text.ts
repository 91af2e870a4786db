import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Raw } from '../raw.js';

export interface TextFault {
  readonly message: string;
  readonly line: number | undefined;
}

/** Deeper nesting than any setting has; what is deeper is refused by the formats in any case. */
const MAX_DEPTH = 16;

/** Reads YAML 1.2 (and so JSON), keeping for each value its text as written and its line. */
export function parseYaml(text: string): { readonly raw: Raw } | { readonly faults: readonly TextFault[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const faults: TextFault[] = [...document.errors, ...document.warnings].map(({ message, pos }) => ({
    message: message.replaceAll(/\s+/g, ' '),
    line: lines.linePos(pos[0]).line,
  }));
  const raw = new NodeReader(document, lines, faults).read(document.contents, 0);
  return faults.length > 0 ? { faults } : { raw };
}

class NodeReader {
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #faults: TextFault[];

  constructor(document: Document, lines: LineCounter, faults: TextFault[]) {
    this.#document = document;
    this.#lines = lines;
    this.#faults = faults;
  }

  read(node: unknown, depth: number): Raw {
    const line = this.#lineOf(node as Node | null);
    if (depth > MAX_DEPTH) {
      this.#faults.push({ message: 'nested too deeply', line });
    } else if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => ({
        name: isScalar(key) ? String(key.value) : String(key),
        // A key without a value has no node of its own: its line is the key's.
        value: withLine(this.read(value, depth + 1), this.#lineOf(key as Node | null)),
      }));
      return { kind: 'map', entries, line };
    } else if (isSeq(node)) {
      return { kind: 'list', items: node.items.map((item) => this.read(item, depth + 1)), line };
    } else if (isScalar(node)) {
      if (node.value === null) return { kind: 'none', line };
      const { value } = node;
      if (typeof value === 'string') return { kind: 'text', text: value, line };
      const text = node.source ?? '';
      const isLiteral = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
      return isLiteral ? { kind: 'text', text, literal: value, line } : { kind: 'text', text, line };
    } else if (isAlias(node)) {
      // Anchors save nothing in a file of this kind, and can be made to expand without bound.
      this.#faults.push({ message: `aliases (*${node.source}) are not supported here`, line });
    }
    return { kind: 'none', line };
  }

  #lineOf(node: Node | null): number | undefined {
    return node?.range ? this.#lines.linePos(node.range[0]).line : undefined;
  }
}

function withLine(raw: Raw, line: number | undefined): Raw {
  return raw.line === undefined || (raw.kind === 'map' && line !== undefined) ? { ...raw, line } : raw;
}
