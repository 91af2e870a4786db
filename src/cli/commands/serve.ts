import { defineCommand } from '../frame/command.js';

export const serve = defineCommand({
  name: 'serve',
  group: 'run',
  summary: 'Run the gateway until SIGTERM or Ctrl-C',
  about: [
    'Every key of docs/configuration.md is a flag. Flags without a command serve too: `sluice --config gateway.yaml`.',
    'The first signal drains the gateway: no new sessions, and time for those there are. A second one ends it at once. SIGHUP reads certificates, tokens and revocations again where there is no terminal.',
  ],
  takesConfiguration: true,
  ownsProcess: true,
  examples: [
    { line: 'sluice serve --config gateway.yaml', does: 'With a configuration.' },
    { line: 'sluice serve --server.listen 127.0.0.1:50051', does: 'For yourself alone.' },
  ],
  exitCodes: {
    ok: 'It has stopped as it should.',
    failed: 'Something could not be opened: an address, a certificate.',
    software: 'A fault that nothing caught.',
    config: 'The configuration is wrong.',
  },
  run: async ({ flags }) => {
    const [{ runGateway }, { endProcess }] = await Promise.all([
      import('../serve.js'),
      import('../end-process.js'),
    ]);
    const code = await runGateway({ argv: flags });
    endProcess(code);
    return code;
  },
});
