import { expect, test } from 'vitest';
import { crc16, crc32c } from '../../../imaging/fs/crc.ts';

const digits = Buffer.from('123456789');

test('CRC-32C gives the check value of RFC 3720 (inverted at the end there)', () => {
  expect(~crc32c(0xffffffff, digits) >>> 0).toBe(0xe3069283);
  expect(~crc32c(0xffffffff, Buffer.alloc(32)) >>> 0).toBe(0x8a9136aa);
});

test('CRC-16 gives the check value of CRC-16/ARC', () => {
  expect(crc16(0, digits)).toBe(0xbb3d);
});

test('a checksum of two parts is that of the whole, wherever it is cut', () => {
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, i) => (i * 37) & 0xff));
  for (const cut of [0, 1, 7, 8, 9, 50, 99, 100]) {
    expect(crc32c(crc32c(5, bytes.subarray(0, cut)), bytes.subarray(cut))).toBe(crc32c(5, bytes));
    expect(crc16(crc16(5, bytes.subarray(0, cut)), bytes.subarray(cut))).toBe(crc16(5, bytes));
  }
});
