import { expect, it } from 'vitest';
import { networkOf } from '../../../agent/1-boot/address-choice.ts';
import { hexOf } from '../../../agent/2-network/static-address.ts';
import { vlanName } from '../../../agent/2-network/vlan.ts';

it('writes an IPv6 address as the kernel lists it', () => {
  expect(hexOf('fd00:77::20')).toBe('fd000077000000000000000000000020');
  expect(hexOf('::1')).toBe(`${'0'.repeat(31)}1`);
  expect(hexOf('fd00::')).toBe(`fd00${'0'.repeat(28)}`);
  expect(hexOf('1:2:3:4:5:6:7:8')).toBe('00010002000300040005000600070008');
});

it('knows the network of an address', () => {
  expect(networkOf('10.77.3.200', 25)).toBe('10.77.3.128');
  expect(networkOf('200.1.2.3', 1)).toBe('128.0.0.0');
  expect(networkOf('200.1.2.3', 32)).toBe('200.1.2.3');
});

it('names the part of a NIC that is in a VLAN within the 15 characters that the kernel allows', () => {
  expect(vlanName({ name: 'eth0', index: 2 }, 5)).toBe('eth0.5');
  expect(vlanName({ name: 'enx525400123456', index: 7 }, 4094)).toBe('nic7.4094');
});
