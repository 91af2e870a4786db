/** What JSON from elsewhere has to be before it is believed; the types follow from the checks. */
type Guard<T> = (value: unknown) => value is T;
export type Guarded<G> = G extends Guard<infer T> ? T : never;

export function text(value: unknown): value is string {
  return typeof value === 'string';
}

export function number(value: unknown): value is number {
  return Number.isFinite(value);
}

export function flag(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

export function textOrNull(value: unknown): value is string | null {
  return value === null || text(value);
}

/** With these fields; there may be more. */
export function object<const F extends Readonly<Record<string, Guard<unknown>>>>(
  fields: F,
): Guard<{ readonly [N in keyof F]: Guarded<F[N]> }> {
  return (value): value is { readonly [N in keyof F]: Guarded<F[N]> } =>
    isObject(value) && Object.entries(fields).every(([name, guard]) => guard(value[name]));
}

/** Any names, each with such a value. */
export function each<T>(guard: Guard<T>): Guard<Readonly<Record<string, T>>> {
  return (value): value is Readonly<Record<string, T>> =>
    isObject(value) && Object.values(value).every(guard);
}

export function list<T>(guard: Guard<T>): Guard<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(guard);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
