import { describe, expect, test } from 'vitest';
import { parsePrintedUris } from '../../initramfs/stages/fetch-packages.ts';

const sha256 = 'ab'.repeat(32);

describe('parsePrintedUris', () => {
  test("reads apt's lines: name, version with its epoch, file and digest", () => {
    const file = 'busybox-static_1%3a1.35.0-4+deb12u1+b1_amd64.deb';
    const text = `'http://mirror.example/debian/pool/main/b/x.deb' ${file} 928188 SHA256:${sha256}\n`;
    expect(parsePrintedUris(text)).toEqual([
      { name: 'busybox-static', version: '1:1.35.0-4+deb12u1+b1', fileName: file, sha256 },
    ]);
  });

  test('passes over a line without a SHA-256, so that such a package counts as unknown', () => {
    expect(parsePrintedUris(`'http://x/y.deb' y_1_all.deb 10 MD5Sum:${'0'.repeat(32)}\n`)).toEqual([]);
  });
});
