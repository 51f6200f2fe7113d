import fc from 'fast-check';
import { expect, it } from 'vitest';
import { listNics, orderNics } from '../../../agent/2-network/nics.ts';
import { nicSchema } from '../../../protocol/inventory.ts';

const nics = [
  { name: 'eth0', mac: '52:54:00:00:00:01', boot: false },
  { name: 'eth1', mac: '52:54:00:00:00:02', boot: true },
  { name: 'eth2', mac: '52:54:00:00:00:03', boot: false },
];

it('prefers the NIC that was named, by MAC address or name, then the one that was booted from', () => {
  const names = (preferred: string | null) => orderNics(nics, preferred).map(({ name }) => name);
  expect(names('52:54:00:00:00:03')).toEqual(['eth2', 'eth1', 'eth0']);
  expect(names('eth0')).toEqual(['eth0', 'eth1', 'eth2']);
  expect(names(null)).toEqual(['eth1', 'eth0', 'eth2']);
});

it('puts the same NIC first in whatever order the kernel found them', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(nics, { minLength: 3 }), (shuffled) => {
      expect(
        orderNics(shuffled, 'eth2')
          .slice(0, 2)
          .map(({ name }) => name),
      ).toEqual(['eth2', 'eth1']);
    }),
  );
});

it("lists this machine's NICs in the form the protocol asks for", async () => {
  for (const nic of await listNics(null)) nicSchema.parse(nic);
});
