// R1: a flood of foreign packets changes a counter in the log.
import type { FastifyBaseLogger } from 'fastify';
import { expect, test, vi } from 'vitest';
import { DnsmasqLog } from '../../server/dhcp/dnsmasq-log.ts';

test('a fault is named, told five times, and then counted; all else is for those who debug', () => {
  const [warn, debug] = [vi.fn(), vi.fn()];
  const log = new DnsmasqLog({ warn, debug } as unknown as FastifyBaseLogger);
  log.take('dnsmasq-dhcp[7]: DHCPDISCOVER(wire0) 52:54:00:00:00:01', 0);
  expect([warn.mock.calls.length, debug.mock.calls.length]).toEqual([0, 1]);
  for (let i = 0; i < 1000; i++) log.take('dnsmasq-tftp[7]: file /srv/boot/x not found for 10.9.0.2', i);
  log.take('dnsmasq-dhcp[7]: DHCPDISCOVER(wire0) 52:54:00:00:00:01 no address available', 500);
  expect(warn).toHaveBeenCalledTimes(6);
  expect(warn).toHaveBeenLastCalledWith({ from: 'dnsmasq', fault: 'dhcp-range-exhausted' }, expect.any(String));
  log.take('dnsmasq-tftp[7]: file /srv/boot/x not found for 10.9.0.2', 61_000);
  expect(warn.mock.calls.slice(6)).toEqual([
    [{ from: 'dnsmasq', fault: 'tftp-file-missing', more: 995, seconds: 61 }, '995 more of these in 61 s'],
    [{ from: 'dnsmasq', fault: 'tftp-file-missing' }, 'file /srv/boot/x not found for 10.9.0.2'],
  ]);
});
