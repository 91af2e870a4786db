import { expect, it, vi } from 'vitest';
import * as distances from '../../../src/core/edit-distance.js';
import { nearestFirst } from '../../../src/proxy/service-methods.js';

it('names what was perhaps meant first, then the others', () => {
  expect(nearestFirst('Dwon', ['Both', 'Down', 'One', 'Up'])).toBe('Down, One, Both, Up');
  expect(nearestFirst('x', [])).toBe('');
});

it('finds it among very many, and names ten', () => {
  const names = Array.from({ length: 500 }, (_, n) => `team${n}.v1.${'Service'.repeat(1 + (n % 20))}`);
  const told = nearestFirst('team77.v1.Srevice', [...names, 'team77.v1.Service']);
  expect(told).toMatch(/^team77\.v1\.Service, /);
  expect(told).toMatch(/, and 491 more$/);
});

it('compares few of very many, and the beginning of long ones: anybody may ask', () => {
  const compare = vi.spyOn(distances, 'editDistance');
  const names = Array.from({ length: 25_600 }, (_, n) => `${'a'.repeat(200)}${n}`);
  nearestFirst('b'.repeat(500), names);
  expect(compare.mock.calls.length).toBeGreaterThan(0);
  expect(compare.mock.calls.length).toBeLessThan(100);
  for (const [a, b] of compare.mock.calls) expect(a.length * b.length).toBeLessThan(10_000);
  compare.mockRestore();
});
