// What the boot sectors of FAT, exFAT and NTFS have in common.

/** Whether sector 0 has the sane BIOS parameter block that every FAT and NTFS boot sector has (ECMA-107, section 9). */
export function hasParameterBlock(head: Buffer): boolean {
  const sectorBytes = head.readUInt16LE(11);
  const jump = head[0] === 0xeb || head[0] === 0xe9;
  const perCluster = head[13] ?? 0;
  return jump && isSectorSize(sectorBytes) && perCluster > 0 && head.readUInt16LE(510) === 0xaa55;
}

function isSectorSize(sectorBytes: number): boolean {
  return [512, 1024, 2048, 4096].includes(sectorBytes);
}

/** A volume's serial number as blkid shows it: the stored bytes from the last to the first, in capitals. */
export function formatReversed(head: Buffer, from: number, to: number): string {
  return Buffer.from(head.subarray(from, to)).reverse().toString('hex').toUpperCase();
}

/** A four-byte serial number as FAT and exFAT show it. */
export function formatSerial(head: Buffer, at: number): string {
  return formatReversed(head, at, at + 4).replace(/^(.{4})/, '$1-');
}
