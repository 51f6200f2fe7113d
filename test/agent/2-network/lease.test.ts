import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseLease } from '../../../agent/2-network/lease.ts';

it('reads what came of asking for an address', () => {
  expect(parseLease('event=bound\nserver=10.0.0.1\ndomain=example.test\ndns=10.0.0.2 10.0.0.3 \nmessage=\n')).toEqual({
    event: 'bound',
    address: null,
    server: '10.0.0.1',
    message: null,
    names: { servers: ['10.0.0.2', '10.0.0.3'], domain: 'example.test' },
  });
  expect(parseLease('event=nak\nserver=10.0.0.1\nmessage=used up = full\n')?.message).toBe('used up = full');
  expect(parseLease('event=declined\naddress=10.0.0.5\n')).toMatchObject({ event: 'declined', address: '10.0.0.5' });
  expect(parseLease('')).toBeNull();
});

it('leaves out what a hostile DHCP server may not say', () => {
  expect(parseLease('event=bound\nserver=x\ndomain=a b\ndns=1.2.3 $(reboot) ::1\n')).toEqual({
    event: 'bound',
    address: null,
    server: null,
    message: null,
    names: { servers: ['::1'], domain: null },
  });
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const lease = parseLease(`event=nak\n${text}`);
      expect(lease === null || ['bound', 'nak', 'leasefail', 'declined'].includes(lease.event)).toBe(true);
    }),
  );
});
