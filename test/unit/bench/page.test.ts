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

  it('name the commit, and how many runs were disturbed', () => {
    expect(sections['run']).toContain('`0123456789ab`');
    expect(sections['run']).toContain('3 of 300');
  });

  it('tell of the load of every case', () => {
    expect(sections['results']).toContain(
      '| load | payload | streams | connections | frames under way on each | measured for |',
    );
    expect(sections['results']).toMatch(
      /StreamBatches of 8 .*: go \| 256 B \| 20 \| 4 \| 16 \| 1 \| 1\.5 s \|/,
    );
    expect(sections['results']).toContain('| 4,000 connections | 256 B | 4,000 | 4,000 | 1 | 4 s |');
  });

  it('size by what comes alone, with the p99 of what is planned with', () => {
    const sizing = sections['sizing']!;
    expect(sizing).toContain('| echo, 256 B, 1,000 streams on 50 connections |');
    expect(sizing).toContain('| echo, 256 B, 100 sessions on each stream |');
    expect(sizing).toMatch(
      /\| 0\.6 of a core \| 37\.5 k \| 0\.840 ms \| 3\.26 ms \(3\.10\.\.3\.41\) \| 13\.1 ms \| 0\.90 \|/,
    );
    expect(sizing).toContain('MiB, so 512 MiB, which is the least.');
    expect(sizing).toMatch(/The most that a busy gateway took in any case: 220 MiB/);
  });

  it('list what is compared across loads, and have no column without a figure', () => {
    const results = sections['results']!;
    expect(results).toContain('| sluice, stream / plain, unary |');
    const unary = results.slice(results.indexOf('### Streams and unary calls')).split('<details>')[0];
    expect(unary).toContain('| msg/CPU-s | sluice | go | plain |\n');
  });

  it('warn of a generator that may be what holds a server back', () => {
    const small = { ...record, machine: { ...record.machine, cores: 1 } };
    expect(sectionsOf(small)['results']).toContain('the generator used more than');
    expect(sections['results']).not.toContain('the generator used more than');
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
