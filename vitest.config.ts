import { defineConfig } from 'vitest/config';

/** Where to also write the results as JSON; CI sums them up over its runs. */
const report = process.env['TEST_REPORT'];

/** Tests that take minutes: `npm run test:long` (mode `long`), and nowhere else. */
const LONG = '**/*.long.test.ts';

/** What is waited for is there at once on an idle machine: how long it takes on a busy one is not what is tested. */
const patient = { poll: { timeout: 20_000 } };

const setupFiles = ['test/helpers/leak-check-setup.ts'];

export default defineConfig(({ mode }) => ({
  test: {
    // One process a file: what a file leaves behind can be told from what others did.
    pool: 'forks' as const,
    isolate: true,
    // Most of the time goes by in waiting; the platform's own choice on two cores would be one.
    maxWorkers: 3,
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
    coverage: { provider: 'v8' as const, include: ['src/**'], reportsDirectory: 'coverage' },
    projects:
      mode === 'long'
        ? [
            {
              test: {
                name: 'long',
                include: [`test/${LONG}`],
                setupFiles,
                expect: patient,
                testTimeout: 10 * 60_000,
                hookTimeout: 60_000,
                // They measure memory and hold thousands of sockets: one at a time.
                fileParallelism: false,
              },
            },
          ]
        : [
            {
              test: {
                name: 'unit',
                include: ['test/{unit,property,conformance}/**/*.test.ts'],
                exclude: [LONG],
                setupFiles,
                expect: patient,
                testTimeout: 30_000,
                hookTimeout: 30_000,
              },
            },
            {
              test: {
                name: 'integration',
                include: ['test/{integration,faults}/**/*.test.ts'],
                exclude: [LONG],
                setupFiles,
                expect: patient,
                testTimeout: 120_000,
                hookTimeout: 30_000,
              },
            },
          ],
  },
}));
