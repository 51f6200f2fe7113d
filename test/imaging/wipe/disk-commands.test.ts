// What is sent to a disk so that it erases itself, byte for byte after the specifications, and what its answers mean.
import { describe, expect, it } from 'vitest';
import { formatDwordOf, parseFacts, parseSanitizeStatus, sanitizeDwords } from '../../../imaging/wipe/nvme-sanitize.ts';
import { isSupported, supportCommand } from '../../../imaging/wipe/scsi-sanitize.ts';
import { nvmeCommand } from '../../../imaging/wipe/send-command.ts';

function answers({ sanicap = 0, oacs = 0, fna = 0, flbas = 0, dps = 0, active = [1] }) {
  const controller = Buffer.alloc(4096);
  controller.writeUInt32LE(sanicap, 328);
  controller.writeUInt16LE(oacs, 256);
  controller.writeUInt8(fna, 524);
  const namespace = Buffer.alloc(4096);
  namespace.writeUInt8(flbas, 26);
  namespace.writeUInt8(dps, 29);
  const list = Buffer.alloc(4096);
  for (const [i, id] of active.entries()) list.writeUInt32LE(id, i * 4);
  return parseFacts(controller, namespace, list, 1);
}

describe('an NVMe disk', () => {
  it('is asked for what it says that it can', () => {
    expect(answers({})).toMatchObject({ sanitizes: [], formats: [] });
    expect(answers({ sanicap: 7 }).sanitizes).toEqual(['sanitize-block', 'sanitize-overwrite', 'sanitize-crypto']);
    expect(answers({ sanicap: 1 }).sanitizes).toEqual(['sanitize-crypto']);
    expect(answers({ oacs: 2 }).formats).toEqual(['format-user-data']);
    expect(answers({ oacs: 2, fna: 4 }).formats).toEqual(['format-crypto', 'format-user-data']);
    expect(formatDwordOf({ formatDword: 0 }, 'format-user-data')).toBe(1 << 9);
    expect(formatDwordOf({ formatDword: 0 }, 'format-crypto')).toBe(2 << 9);
  });

  it('is told to sanitize so that a failure can be left: an overwrite is one pass of zeros', () => {
    expect(sanitizeDwords('sanitize-block')).toEqual([0x0a]);
    expect(sanitizeDwords('sanitize-crypto')).toEqual([0x0c]);
    expect(sanitizeDwords('sanitize-overwrite')).toEqual([0x1b, 0]);
  });

  it('keeps its blocks when it is formatted: format index, metadata and protection stay', () => {
    // LBAF 3, metadata at the end, upper index bits 1; protection type 1, at the start.
    expect(answers({ oacs: 2, flbas: 0x33, dps: 0x09 }).formatDword).toBe(
      3 | (1 << 4) | (1 << 5) | (1 << 8) | (1 << 12),
    );
  });

  it('with other namespaces is told from one with its own alone', () => {
    expect(answers({ active: [1] }).others).toBe(0);
    expect(answers({ active: [1, 2, 7] }).others).toBe(2);
  });

  it('says how far it is', () => {
    const log = (sprog: number, sstat: number) => {
      const page = Buffer.alloc(512);
      page.writeUInt16LE(sprog, 0);
      page.writeUInt16LE(sstat, 2);
      return parseSanitizeStatus(page);
    };
    expect(log(32_768, 0x102)).toEqual({ state: 'running', fraction: 0.5 });
    expect(log(0xffff, 0x101)).toMatchObject({ state: 'done' });
    expect(log(0xffff, 0x104)).toMatchObject({ state: 'done' });
    expect(log(0, 3)).toMatchObject({ state: 'failed' });
    expect(log(0, 0)).toMatchObject({ state: 'failed' });
  });

  it('gets commands of 64 bytes, with the buffer where sg_raw puts it', () => {
    const { bytes } = nvmeCommand(0x06, 5, [2], 4096);
    expect(bytes.toString('hex')).toBe(
      `${'06000000'}${'05000000'}${'00'.repeat(16)}${'feffffffffffffff'}${'00000000'}${'feffffff'}${'02000000'}${'00'.repeat(20)}`,
    );
    expect(nvmeCommand(0x80, 1, [0x200]).bytes.toString('hex')).toBe(
      `80000000${'01000000'}${'00'.repeat(32)}${'00020000'}${'00'.repeat(20)}`,
    );
  });
});

describe('a SCSI disk', () => {
  it('is asked whether it has Sanitize with this action, and believed when it says as the standard does', () => {
    expect(supportCommand(2).toString('hex')).toBe('a30c03480002000002000000');
    expect(isSupported(Buffer.from([0, 3, 0, 10]))).toBe(true);
    expect(isSupported(Buffer.from([0, 1, 0, 0]))).toBe(false);
    expect(isSupported(Buffer.from([0, 0, 0, 0]))).toBe(false);
    expect(isSupported(Buffer.alloc(0))).toBe(false);
  });
});
