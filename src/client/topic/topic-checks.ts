import { expect } from '../option-checks.js';

/** "route/subject". @throws TypeError */
export function checkTopic(topic: string): void {
  const slash = topic.indexOf('/');
  expect('The topic', topic, slash > 0 && slash < topic.length - 1, '"route/subject"');
}

/** What request metadata carries. @throws TypeError */
export function checkName(name: string, value: string): void {
  expect(name, value, /^[\x20-\x7e]*$/.test(value), 'printable ASCII');
}
