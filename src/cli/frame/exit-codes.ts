/**
 * What `sluice` ends with: the names and numbers of sysexits.h where one fits,
 * and a shell's 128 + the signal's number. The table of docs/cli.md is made of it.
 */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'It is done.' },
  failed: { code: 1, meaning: 'It failed: the message says why.' },
  usage: { code: 64, meaning: 'The command line is wrong. Nothing was done.' },
  noInput: { code: 66, meaning: 'A file that is named can not be read.' },
  unavailable: { code: 69, meaning: 'The gateway can not be reached.' },
  software: { code: 70, meaning: 'A fault of Sluice itself; please report it with what it prints.' },
  protocol: {
    code: 76,
    meaning: 'What answers is no Sluice gateway, or speaks a protocol that is not known here.',
  },
  noPermission: { code: 77, meaning: 'The gateway does not know who this is, or does not permit it.' },
  config: { code: 78, meaning: 'The configuration is wrong.' },
  hungUp: { code: 129, meaning: 'SIGHUP: the terminal is gone.' },
  interrupted: { code: 130, meaning: 'Ctrl-C, before it was done.' },
  closedPipe: { code: 141, meaning: 'Whoever read the output has stopped reading, as `| head` does.' },
  terminated: { code: 143, meaning: 'SIGTERM, before it was done.' },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

export function exitCode(name: ExitName): number {
  return EXIT_CODES[name].code;
}
