import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { RequestBody } from '../../../src/admin/request-body.js';

function asked(headers: Record<string, string>): { request: IncomingMessage; body: RequestBody } {
  const request = new IncomingMessage(new Socket());
  Object.assign(request.headers, headers);
  return { request, body: new RequestBody(request) };
}

describe('RequestBody', () => {
  it('knows from the headers whether there is one', () => {
    expect(asked({}).body.present).toBe(false);
    expect(asked({ 'content-length': '0' }).body.present).toBe(false);
    expect(asked({ 'content-length': '1' }).body.present).toBe(true);
    expect(asked({ 'transfer-encoding': 'chunked' }).body.present).toBe(true);
  });

  it('is unread until it has been read to its end', async () => {
    const { request, body } = asked({ 'transfer-encoding': 'chunked' });
    expect(body.unread).toBe(true);
    const read = body.read(8);
    request.push('hello');
    request.push('you');
    request.push(null);
    expect(await read).toEqual({ kind: 'whole', bytes: Buffer.from('helloyou') });
    expect(body.unread).toBe(false);
    expect(asked({}).body.unread).toBe(false);
  });

  it('is given up when it is longer than it may, and stays unread', async () => {
    const { request, body } = asked({ 'transfer-encoding': 'chunked' });
    const read = body.read(8);
    request.push('hello');
    request.push('them');
    expect(await read).toEqual({ kind: 'too-large' });
    expect(body.unread).toBe(true);
    expect(request.isPaused()).toBe(true);
    expect(await asked({ 'content-length': '9' }).body.read(8)).toEqual({ kind: 'too-large' });
  });

  it.each([undefined, new Error('reset')])('ends with its connection', async (reason) => {
    const { request, body } = asked({ 'content-length': '5' });
    const read = body.read(8);
    request.push('hel');
    request.destroy(reason);
    expect(await read).toEqual({ kind: 'gone' });
    expect(body.unread).toBe(true);
  });
});
