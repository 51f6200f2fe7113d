// R24: a disk that a cluster has reserved, by a real SCSI target of the kernel's that knows persistent reservations.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReservations } from '../../imaging/blockdev/reservations.ts';
import { Site } from '../../scripts/lab/site.ts';
import { runInGuest } from '../fixtures/guest.ts';

let folder: string;
beforeAll(async () => {
  folder = await Site.makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A file behind the kernel's loopback target becomes /dev/sda; what sg_persist says of it before, with a key, and with a reservation. */
const script = `
mkdir -p /sys/kernel/config /var/target/pr /var/target/alua
mount -t configfs none /sys/kernel/config
core=/sys/kernel/config/target/core/fileio_0/disk
mkdir -p $core
dd if=/dev/zero of=/tmp/file bs=1M count=8 2>/dev/null
echo fd_dev_name=/tmp/file,fd_dev_size=8388608 > $core/control
echo 1 > $core/enable
portal=/sys/kernel/config/target/loopback/naa.6001405000000001/tpgt_1
mkdir -p $portal/lun/lun_0
echo naa.6001405000000002 > $portal/nexus
ln -s $core $portal/lun/lun_0/port
until test -b /dev/sda; do sleep 1; done
ask() { echo "--- $1"; /usr/bin/sg_persist --no-inquiry --in --read-keys /dev/sda; echo ---; /usr/bin/sg_persist --no-inquiry --in --read-reservation /dev/sda; }
ask free
/usr/bin/sg_persist --no-inquiry --out --register --param-sark=0x1a2b /dev/sda
ask registered
/usr/bin/sg_persist --no-inquiry --out --reserve --param-rk=0x1a2b --prout-type=5 /dev/sda
ask reserved
`;

test('keys and the holder of a reservation are read, and none where there are none', async () => {
  const said = await runInGuest({
    ...{ modules: ['sd_mod', 'target_core_mod', 'target_core_file', 'tcm_loop', 'configfs', 'crc32c_generic'] },
    ...{ programs: ['/usr/bin/sg_persist'], disks: [], script, folder: path.join(folder, 'guest') },
  });
  const parts = said.join('\n').split(/^---.*$/m);
  const at = (state: number) => parseReservations(parts[2 * state + 1] ?? '', parts[2 * state + 2] ?? '');
  expect(at(0)).toEqual({ keys: [], holder: null });
  expect(at(1)).toEqual({ keys: ['0x1a2b'], holder: null });
  expect(at(2)).toEqual({
    keys: ['0x1a2b'],
    holder: { key: '0x1a2b', type: 'Write Exclusive, registrants only' },
  });
});
