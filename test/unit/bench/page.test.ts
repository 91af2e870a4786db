import { describe, expect, it } from 'vitest';
import { fillSections } from '../../../bench/harness/page-sections.js';
import { sectionsOf } from '../../../bench/harness/page.js';
import { madeUpRecord } from './made-up-record.js';

const page = ['before', '<!-- generated: a -->', 'old', '<!-- end of a -->', 'after', ''].join('\n');

describe('fillSections', () => {
  it('replaces what is between the markers and nothing else', () => {
    expect(fillSections(page, { a: 'new $& $1' })).toBe(
      'before\n<!-- generated: a -->\n\nnew $& $1\n\n<!-- end of a -->\nafter\n',
    );
  });

  it('does the same again', () => {
    const once = fillSections(page, { a: 'new' });
    expect(fillSections(once, { a: 'new' })).toBe(once);
  });

  it('refuses a page without the section, and a section nobody fills', () => {
    expect(() => fillSections(page, { a: '', b: '' })).toThrow('no section "b"');
    expect(() => fillSections(page, {})).toThrow('"a"');
  });
});

describe('the sections of the document', () => {
  const record = madeUpRecord();
  const sections = sectionsOf(record);

  it('show every case and every bar', () => {
    for (const { title } of record.cases.filter(({ group }) => group === 'echo')) {
      expect(sections['results']).toContain(title);
    }
    for (const { text } of record.bars) expect(sections['bars']).toContain(text);
  });

  it('say what is missing', () => {
    expect(sections['run']).toContain('unary, go, unary: no Go');
  });

  it('make a missed bar stand out', () => {
    const bars = record.bars.map((bar) => ({ ...bar, verdict: 'MISSED' as const, margin: -0.12 }));
    expect(sectionsOf({ ...record, bars })['bars']).toContain('**MISSED by 12 %**');
  });

  it('hold only tables whose rows are as wide as their heads', () => {
    for (const text of Object.values(sections)) {
      for (const block of text.split('\n\n').filter((part) => part.startsWith('|'))) {
        const widths = block.split('\n').map((row) => row.split(' | ').length);
        expect(new Set(widths.filter((_, index) => index !== 1)).size, block).toBe(1);
      }
    }
  });
});
