/** "route/subject". @throws TypeError */
export function checkTopic(topic: string): void {
  const slash = topic.indexOf('/');
  if (slash > 0 && slash < topic.length - 1) return;
  throw new TypeError(`The topic is ${JSON.stringify(topic)}: expected is "route/subject"`);
}

/** A whole number from 0. @throws RangeError */
export function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(`${name} is ${String(value)}: expected is a whole number from 0`);
}

/** What request metadata carries. @throws TypeError */
export function checkName(name: string, value: string): void {
  if (/^[\x20-\x7e]*$/.test(value)) return;
  throw new TypeError(`${name} is ${JSON.stringify(value)}: expected is printable ASCII`);
}
