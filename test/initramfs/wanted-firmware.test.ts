import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findAbsentFirmware, parseModinfo } from '../../initramfs/stages/wanted-firmware.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const said = `filename:       /x/lib/modules/6.12/kernel/drivers/net/tg3.ko
firmware:       tigon/tg3_tso5.bin
firmware:       tigon/tg3.bin
firmware:       tigon/tg3.bin
license:        GPL
description:    firmware: none of this is one
filename:       /x/lib/modules/6.12/kernel/drivers/net/e1000.ko
filename:       /x/lib/modules/6.12/kernel/drivers/net/bnx2.ko
firmware:       bnx2/bnx2-*.fw
`;

test('drivers and what each names are read from what modinfo says', () => {
  expect(parseModinfo(said)).toEqual([
    { driver: 'bnx2', files: ['bnx2/bnx2-*.fw'] },
    { driver: 'tg3', files: ['tigon/tg3.bin', 'tigon/tg3_tso5.bin'] },
  ]);
});

test('what the folder has is not absent, compressed or not; the rest is named', async () => {
  await withTempDirectory(async (folder) => {
    for (const file of ['tigon/tg3.bin.zst', 'bnx2/bnx2-mips-09.fw', 'README.md']) {
      await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
      await writeFile(path.join(folder, file), '');
    }
    const wanted = parseModinfo(said);
    expect(await findAbsentFirmware(wanted, folder)).toEqual([{ driver: 'tg3', files: ['tigon/tg3_tso5.bin'] }]);
    expect(await findAbsentFirmware(wanted, undefined)).toEqual(wanted);
  });
});
