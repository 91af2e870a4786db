/** Ends a `switch` over a union: the compiler refuses a case left out, the process an impossible value. */
export function assertNever(value: never): never {
  throw new TypeError(`impossible case: ${JSON.stringify(value)}`);
}
