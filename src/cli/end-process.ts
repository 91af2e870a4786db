/** What closes by itself has closed by then. */
const GRACE_MS = 1_000;

/**
 * Sees to it that the process ends with this code: modules of users may have
 * left open what keeps it (a timer, a connection to a database), and a service
 * manager would take for running what serves nobody. Says so on standard error.
 */
export function endProcess(code: number): void {
  // Unlike the clock's, this timer must not keep the process itself.
  // eslint-disable-next-line no-restricted-globals
  const timer = setTimeout(() => {
    process.stderr.write(
      'Something that a module left open, a timer or a connection perhaps, kept the process: close it in `stop`.\n',
    );
    process.exit(code);
  }, GRACE_MS);
  timer.unref();
}
