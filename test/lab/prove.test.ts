// `image prove --boot`: an installed system that comes up, and disks that do not.
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import type { BootOptions } from '../../imaging/prove/boot.ts';
import { proofError, proveImage } from '../../imaging/prove/prove-image.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { makeMachineDisk } from '../../scripts/lab/machine-disk.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeRawDisk } from '../fixtures/disks.ts';

/** As the lab's machines do: KVM only where it was said to work. */
const accelerator = process.env.DEPLOY_OS_LAB_ACCEL === 'kvm' ? 'kvm' : 'tcg';

async function proveBoot(sourcePath: string, boot: BootOptions) {
  const folder = await Site.makeFolder();
  try {
    const store = await openDirectoryStore(path.join(folder, 'store'), { create: true });
    await captureImage({ sourcePath, imageName: 'one', store });
    const before = await store.stats();
    const proof = await proveImage({ imageName: 'one', store, boot: { accelerator, ...boot } });
    expect(await store.stats()).toEqual(before);
    return { boot: proof.boot, fileSystems: proof.fileSystems, error: proofError(proof) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A boot sector that says `text` on the first serial port and halts. */
function bootSector(text: string): Buffer {
  const sector = Buffer.alloc(512);
  // ds = 0; si = the text; until its zero byte: one byte to port 0x3f8; then hlt for ever.
  Buffer.from('31c08ed8be157cac84c07406baf803eeebf5f4ebfd', 'hex').copy(sector);
  sector.write(`${text}\0`, 0x15, 'latin1');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

async function withSmallDisk<Result>(text: string, work: (disk: string, folder: string) => Promise<Result>) {
  const folder = await Site.makeFolder();
  try {
    const content = [{ offsetBytes: 0, bytes: bootSector(text) }];
    return await work(await makeRawDisk(path.join(folder, 'disk'), 2 ** 20, content), folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('a disk that says what was expected is proved; its screen can be kept', async () => {
  await withSmallDisk('\r\nhello from sector 0\r\n', async (disk, folder) => {
    const screenshot = path.join(folder, 'screen.png');
    const { boot, error } = await proveBoot(disk, { expect: 'from sector 0', timeoutMs: 60_000, screenshot });
    expect(error).toBeNull();
    expect(boot).toMatchObject({ booted: true, firmware: 'bios', evidence: 'hello from sector 0' });
    expect((await readFile(screenshot)).toString('latin1', 1, 4)).toBe('PNG');
  });
});

test('a disk that says something else in time is not proved, and the error tells what it said', async () => {
  await withSmallDisk('\r\nhello from sector 0\r\n', async (disk) => {
    const { error } = await proveBoot(disk, { timeoutMs: 15_000 });
    expect(error).toMatchObject({ code: 'proof-failed', message: expect.stringContaining('hello from sector 0') });
  });
});

test('an installed Debian comes up by UEFI, as its EFI system partition says, and its image is as it was', async () => {
  const { boot, fileSystems, error } = await proveBoot(await makeMachineDisk(), { memoryMiB: 768 });
  expect(error).toBeNull();
  expect(boot).toMatchObject({ booted: true, firmware: 'uefi', evidence: 'web-01 login:' });
  const verdicts = fileSystems.map(({ fileSystem, verdict }) => `${fileSystem} ${verdict}`);
  expect(verdicts).toEqual(['null unproved', 'vfat clean', 'ext4 clean', 'swap unproved']);
});
