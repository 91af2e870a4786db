import type { ServerName } from './servers.js';

/** What is compared: a server, and in Sluice's case what its clients make of it. */
export type Subject = 'sluice' | 'sluice-simple' | 'go' | 'plain' | 'http2';

export interface SubjectDefinition {
  readonly name: Subject;
  readonly server: ServerName;
  readonly title: string;
  /** Sessions are opened: numbered, acknowledged, held back by windows, kept for replay. */
  readonly windowed: boolean;
}

/** In the order in which they are measured and shown. */
export const SUBJECTS: readonly SubjectDefinition[] = [
  {
    name: 'sluice',
    server: 'sluice',
    title: 'Sluice, opened sessions: windows, acknowledgements, replay',
    windowed: true,
  },
  { name: 'sluice-simple', server: 'sluice', title: 'Sluice, simple connections', windowed: false },
  { name: 'go', server: 'go', title: "the Go original's architecture on grpc-go", windowed: false },
  { name: 'plain', server: 'plain', title: 'plain grpc-js, proto-loader', windowed: false },
  { name: 'http2', server: 'http2', title: 'bare node:http2, piped', windowed: false },
];

export const SUBJECT_NAMES: readonly Subject[] = SUBJECTS.map(({ name }) => name);

export function subjectNamed(name: Subject): SubjectDefinition {
  const found = SUBJECTS.find((subject) => subject.name === name);
  if (found === undefined) throw new Error(`no subject ${name}`);
  return found;
}
