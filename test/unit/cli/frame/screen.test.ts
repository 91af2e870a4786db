import { expect, test } from 'vitest';
import { Screen } from '../../../../src/cli/frame/screen.js';
import { TestIo } from '../../../helpers/command-io.js';

const ENTERED = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEFT = '\u001b[?7h\u001b[?25h\u001b[?1049l';

function screenOn(columns: number): { io: TestIo; screen: Screen; written: () => string } {
  const io = new TestIo({ terminal: { columns, rows: 3 } });
  const screen = new Screen(io);
  expect(io.stdout.text).toBe(ENTERED);
  expect(io.raw).toBe(true);
  return { io, screen, written: () => io.stdout.text.slice(ENTERED.length) };
}

test('draws over what there was, as one update, and erases nothing of a full line', () => {
  const { screen, written } = screenOn(4);
  screen.draw(['ab', '\u001b[31mabcd\u001b[39m', '漢字']);
  expect(written()).toBe('\u001b[?2026h\u001b[Hab\u001b[K\r\n\u001b[31mabcd\u001b[39m\r\n漢字\u001b[?2026l');
  screen.draw(['ab']);
  expect(written().endsWith('\u001b[?2026h\u001b[Hab\u001b[K\r\n\u001b[J\u001b[?2026l')).toBe(true);
  screen.leave();
});

test('leaves once, and draws nothing afterwards', () => {
  const { io, screen, written } = screenOn(80);
  screen.leave();
  screen.leave();
  io.endAbruptly();
  screen.draw(['late']);
  expect(written()).toBe(LEFT);
  expect(io.raw).toBe(false);
});

test('leaves by itself where the process ends without', () => {
  const { io, written } = screenOn(80);
  io.endAbruptly();
  expect(written()).toBe(LEFT);
  expect(io.raw).toBe(false);
});
