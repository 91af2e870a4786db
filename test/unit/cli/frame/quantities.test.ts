import { expect, test } from 'vitest';
import {
  bytes,
  count,
  milliseconds,
  percent,
  rate,
  shortCount,
  span,
} from '../../../../src/cli/frame/quantities.js';

test.each([
  [count(1_234_567.4), '1,234,567'],
  [shortCount(0), '0'],
  [shortCount(9_999), '9999'],
  [shortCount(10_000), '10.0k'],
  [shortCount(99_949), '99.9k'],
  [shortCount(99_960), '100k'],
  [shortCount(999_400), '999k'],
  [shortCount(999_600), '1.0M'],
  [shortCount(12_345_678_901), '12.3G'],
  [bytes(0), '0 B'],
  [bytes(1_023), '1023 B'],
  [bytes(1_024), '1.0 KiB'],
  [bytes(1_023 * 1_024 + 900), '1.0 MiB'],
  [bytes(150 * 1_024 ** 2), '150 MiB'],
  [bytes(5 * 1_024 ** 5), '5120 TiB'],
  [span(0), '0s'],
  [span(999), '0s'],
  [span(61_000), '1m 1s'],
  [span(3_600_000), '1h 0m'],
  [span(90_061_000), '1d 1h'],
  [span(-5), '0s'],
  [milliseconds(0.26), '0.3 ms'],
  [milliseconds(12.6), '13 ms'],
  [milliseconds(2_140), '2.1 s'],
  [rate(0.04), '0'],
  [rate(9.96), '10'],
  [rate(8_119.6), '8,120'],
  [percent(4_999, 5_000), '99%'],
  [percent(1, 0), '0%'],
])('%s', (shown, expected) => {
  expect(shown).toBe(expected);
});
