import { createRequire } from 'node:module';
import { Metadata, setLogger } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { takeLibraryLog } from '../../../src/transport/grpc/library-log.js';
import { LogCollector } from '../../helpers/grpc-server.js';

it("makes of grpc-js's errors short warnings, one in 10 s", (context) => {
  const { getLogger } = createRequire(import.meta.url)('@grpc/grpc-js/build/src/logging.js') as {
    getLogger: () => Partial<Console>;
  };
  const before = getLogger();
  context.onTestFinished(() => {
    setLogger(before);
  });
  const clock = new FakeClock();
  const log = new LogCollector();
  takeLibraryLog(log, clock);
  // A name that no metadata may have, as a client may send it.
  const received = { 'bad name': "a token that is nobody else's" };
  for (let n = 0; n < 3; n += 1) Metadata.fromHttp2Headers(received);
  expect(log.lines).toHaveLength(1);
  const [first] = log.lines;
  expect(first).toMatchObject({ level: 'warn', message: 'grpc-js reported an error' });
  const { text } = first?.fields as { text: string };
  expect(text).toBe('Failed to add metadata entry bad name: its value is not one (not shown)');

  clock.advance(10_000);
  Metadata.fromHttp2Headers(received);
  expect(log.lines).toHaveLength(2);
  expect(log.lines[1]?.fields).toMatchObject({ suppressed: 2 });

  clock.advance(10_000);
  Metadata.fromHttp2Headers({ ['x'.repeat(10_000) + ' ']: 'value' });
  const { text: long } = log.lines[2]?.fields as { text: string };
  expect(long).toMatch(/^Failed to add metadata entry x+…$/);
  expect(long).toHaveLength(301);
});
