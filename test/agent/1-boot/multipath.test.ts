import { expect, test } from 'vitest';
import { groupPaths, multipathConfig, type ScsiDisk } from '../../../agent/1-boot/multipath.ts';
import { parsePathStates } from '../../../agent/1-boot/path-states.ts';

const disk = (kernelName: string, wwid: string, looks = 'ACME LUN 2048'): ScsiDisk => ({ kernelName, wwid, looks });

test('disks of one WWID that look alike are paths of one LUN', () => {
  const lun = '36001405aabbccdd0011223344556677';
  const disks = [disk('sda', lun), disk('sdb', '3600140500000000000000000000000ff'), disk('sdc', lun)];
  expect(groupPaths(disks)).toEqual(new Map([[lun, ['sda', 'sdc']]]));
});

test('two disks of one WWID and different sizes are two disks', () => {
  const bridge = '35000000000000001';
  expect(groupPaths([disk('sda', bridge, 'ACME BRIDGE 2048'), disk('sdb', bridge, 'ACME BRIDGE 4096')])).toEqual(
    new Map(),
  );
});

test('the configuration names the LUNs exactly, whatever stands in their names, and refuses all others', () => {
  const config = multipathConfig(['3600b', '1ACME_a.b+c']);
  expect(config).toContain(String.raw`  wwid "^1ACME_a\.b\+c$"`);
  expect(config.indexOf('^1ACME')).toBeLessThan(config.indexOf('^3600b$'));
  expect(config).toMatch(/blacklist \{\n {2}wwid "\.\*"\n\}/);
  // 12 rounds of 5 s: reads and writes wait for a minute when no path is left, and not for ever.
  expect(config).toMatch(/no_path_retry 12\n/);
});

test('of what multipathd says of paths, only what is not well counts', () => {
  const said = 'sda ready\nsdb faulty\n sdc  ghost\nsdd undef\nsde i/o timeout\nnvme0n1 faulty\n';
  expect([...parsePathStates(said)]).toEqual([
    ['/dev/sdb', 'faulty'],
    ['/dev/sdc', 'ghost'],
    ['/dev/sde', 'i/o timeout'],
  ]);
});
