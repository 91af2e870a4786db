import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretSweep } from '../../helpers/secret-sweep.js';

const TOKEN = randomBytes(32).toString('base64url');
const KEY = randomBytes(32);

function sweep(): SecretSweep {
  const made = new SecretSweep();
  made.add('token', TOKEN);
  made.add('key', KEY);
  return made;
}

const noise = (length: number): string => randomBytes(length).toString('latin1');

describe('a sweep for secrets', () => {
  it.each<readonly [string, string, string]>([
    ['whole', 'token', TOKEN],
    ['its beginning', 'token', TOKEN.slice(0, 12)],
    ['its end', 'token', `…${TOKEN.slice(-12)}`],
    ['a piece of its middle', 'token', TOKEN.slice(9, 22)],
    ['in hexadecimal', 'token', Buffer.from(TOKEN).toString('hex')],
    ['in base64', 'token', Buffer.from(TOKEN).toString('base64')],
    ['in base64 behind one character', 'token', Buffer.from(`"${TOKEN}"`).toString('base64')],
    ['in base64 behind two', 'token', Buffer.from(`: ${TOKEN}"`).toString('base64url')],
    ['bytes in hexadecimal', 'key', KEY.toString('hex').toUpperCase()],
    ['bytes in base64', 'key', KEY.toString('base64')],
    ['bytes in base64url, among others', 'key', Buffer.concat([KEY, KEY]).toString('base64url')],
    ['a piece of bytes in base64', 'key', KEY.toString('base64').slice(5, 20)],
  ])('finds one planted: %s', (_, secret, planted) => {
    const text = `${noise(500)} ${planted} ${noise(500)}`;
    const findings = sweep().find('a log', text);
    expect(findings.map((finding) => [finding.secret, finding.where])).toEqual([[secret, 'a log']]);
    expect(findings[0]?.context).not.toContain(planted.slice(0, 12));
  });

  it('finds each, and nothing where nothing is', () => {
    expect(sweep().find('a log', `${TOKEN} ${KEY.toString('hex')}`)).toHaveLength(2);
    expect(sweep().find('a log', TOKEN.slice(0, 11))).toEqual([]);
    expect(sweep().find('a log', noise(100_000))).toEqual([]);
  });

  it('refuses to look for what is too short to be told from anything else', () => {
    expect(() => {
      sweep().add('pin', '1234');
    }).toThrow('pin is too short');
  });
});
