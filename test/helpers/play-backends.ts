/** The backends of the proxy tests in three languages, each as a process or, of grpc-js, in this one. */
import { join, resolve } from 'node:path';
import type { TestContext } from 'vitest';
import { ExampleBackend } from './example-backend.js';
import { findInterpreter, requirePython } from './external-clients.js';
import { buildGoExample, type GoExample } from './go-toolchain.js';

const root = resolve(import.meta.dirname, '../..');

export type Language = 'node' | 'python' | 'go';
export const LANGUAGES: readonly Language[] = ['node', 'python', 'go'];

let go: Promise<GoExample> | undefined;

/** Starts one as a process of its own, on a port of its own or on this address; skips the test where its language is not there. */
export async function startPlayBackend(
  language: Language,
  context: TestContext,
  address?: string,
): Promise<ExampleBackend> {
  switch (language) {
    case 'node':
      return ExampleBackend.start(
        process.execPath,
        ['--import', 'tsx', join(root, 'test/helpers/play-backend.ts')],
        address,
      );
    case 'python': {
      await requirePython(context, 'grpc_health');
      const python = await findInterpreter('grpc_health');
      if (python === undefined) throw new Error('no such Python');
      return ExampleBackend.start(
        python,
        ['-B', join(root, 'test/integration/backends/python/play.py')],
        address,
      );
    }
    case 'go': {
      const built = await (go ??= buildGoExample('test/integration/backends/go'));
      built.require(context);
      return ExampleBackend.start(built.binary, [], address);
    }
  }
}
