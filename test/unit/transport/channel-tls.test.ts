import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { grpcDial } from '../../../src/transport/grpc/channel.js';
import { selfSigned } from '../../helpers/certificates.js';

const clock = new FakeClock();

describe('grpcDial', () => {
  it('names what can not be used of tls', async () => {
    const { cert, key } = await selfSigned({ name: 'client' });
    const other = await selfSigned({ name: 'other' });
    const dialling = (tls: object) => () => grpcDial({ clock, tls });
    expect(dialling({ ca: 'nonsense' })).toThrow(/^tls\.ca can't be used/);
    expect(dialling({ cert: 'nonsense', key })).toThrow(/^tls\.cert can't be used/);
    expect(dialling({ cert, key: 'nonsense' })).toThrow(/^tls\.key can't be used/);
    expect(dialling({ cert, key: other.key })).toThrow(/^tls\.key can't be used: key values mismatch/);
    expect(dialling({ cert })).toThrow('tls.cert and tls.key go together');
    expect(dialling({ ca: '/etc/ca.pem' })).toThrow(TypeError);
    const broken = cert.replace(/^[\w+/=]{10}/gm, '');
    expect(dialling({ ca: broken })).toThrow(/^tls\.ca can't be used/);
    expect(dialling({ cert, key })).not.toThrow();
  });

  it('refuses an address that says there is no TLS, where there is', () => {
    expect(() => grpcDial({ clock, tls: {} })('grpc://gateway')).toThrow(TypeError);
    expect(() => grpcDial({ clock, tls: {} })('gateway:50051')).not.toThrow();
  });

  it.each([
    { connectTimeoutMs: 0 },
    { connectTimeoutMs: 2 ** 31 },
    { flowControlWindowBytes: 65_534 },
    { flowControlWindowBytes: 2 ** 31 },
    { streamsPerConnection: 0 },
    { streamsPerConnection: 1.5 },
    { maxMessageBytes: Number.NaN },
  ])('refuses %o', (options) => {
    const [name = ''] = Object.keys(options);
    expect(() => grpcDial({ clock, ...options })).toThrow(RangeError);
    expect(() => grpcDial({ clock, ...options })).toThrow(`${name} is a whole number from`);
  });

  it('does nothing before a stream begins', () => {
    grpcDial({ clock })('gateway:50051').close();
    expect(clock.pending).toBe(0);
  });
});
