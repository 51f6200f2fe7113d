// What goes to ATA and SCSI disks that erase themselves, byte for byte after SAT-5, ACS-4 and SBC-4, and what is made of what they say: also of what no honest disk says.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { passThrough } from '../../../imaging/wipe/ata-command.ts';
import { parseIdentify } from '../../../imaging/wipe/ata-identify.ts';
import { parseSanitizeRegisters, sanitizeCommand } from '../../../imaging/wipe/ata-sanitize.ts';
import { eraseSeconds, findSecureErase, securityBlock } from '../../../imaging/wipe/ata-secure-erase.ts';
import { parseSanitizeSense, sanitizeCommand as scsiCommand } from '../../../imaging/wipe/scsi-sanitize.ts';
import { readWords } from '../../../imaging/wipe/send-command.ts';
import { parseAtaRegisters, parseSense } from '../../../imaging/wipe/sense.ts';

const hex = (bytes: Buffer) => bytes.toString('hex');

/** IDENTIFY DEVICE with these words. */
function identify(words: Readonly<Record<number, number>>, { checksum = true } = {}): Buffer {
  const data = Buffer.alloc(512);
  for (const [at, value] of Object.entries({ 0: 0x0040, ...words })) data.writeUInt16LE(value, Number(at) * 2);
  data.writeUInt8(0xa5, 510);
  const sum = data.reduce((total, byte) => total + byte, 0);
  data.writeUInt8((checksum ? -sum : 1 - sum) & 0xff, 511);
  return data;
}

describe('an ATA disk', () => {
  it('is sent SANITIZE DEVICE with the letters that its action wants', () => {
    const sent = (way: Parameters<typeof sanitizeCommand>[0]) => hex(passThrough(sanitizeCommand(way)).bytes);
    // 85, non-data and 48-bit, registers wanted; feature, count, LBA(31:24) (7:0) (39:32) (15:8) (47:40) (23:16), device, B4.
    expect(sent('sanitize-block')).toBe('8507200012001042720045006b00b400');
    expect(sent('sanitize-crypto')).toBe('8507200011001043700079007200b400');
    expect(sent('sanitize-overwrite')).toBe('85072000140011000057004f0000b400');
  });

  it('is sent a block of data with SECURITY ERASE UNIT: mode, and the password padded with zeros', () => {
    const command = passThrough({ command: 0xf4, sent: securityBlock('enhanced'), timeoutSeconds: 60 });
    expect(hex(command.bytes)).toBe('850a060000000100000000000000f400');
    expect(command.sent?.subarray(0, 12).toString('latin1')).toBe('\x02\0deploy-os\0');
    expect(command.sent?.subarray(11)).toEqual(Buffer.alloc(501));
    expect(securityBlock('normal').readUInt16LE(0)).toBe(0);
  });

  it('says in IDENTIFY DEVICE what it can, how long that takes, and that it is frozen', () => {
    expect(parseIdentify(identify({ 59: 0x9000 }))).toMatchObject({
      sanitize: { block: true, overwrite: false, crypto: false },
      security: null,
    });
    // The actions count only with the feature set itself.
    expect(parseIdentify(identify({ 59: 0xe000 }))?.sanitize).toEqual({
      block: false,
      overwrite: false,
      crypto: false,
    });
    expect(parseIdentify(identify({ 128: 0x0029, 89: 30, 90: 0x8000 | 300 }))?.security).toMatchObject({
      ...{ enabled: false, locked: false, frozen: true, enhanced: true, normalMinutes: 60, enhancedMinutes: 600 },
    });
    expect(parseIdentify(identify({ 128: 1 }))?.security).toMatchObject({ normalMinutes: null, frozen: false });
  });

  it('is none when its answer is short, blank, of a packet device, or its checksum is wrong', () => {
    const whole = identify({ 59: 0xf000 });
    for (const answer of [
      whole.subarray(0, 511),
      Buffer.alloc(512),
      identify({ 0: 0x8580 }),
      identify({}, { checksum: false }),
    ]) {
      expect(parseIdentify(answer)).toBeNull();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const facts = parseIdentify(Buffer.from(bytes));
        expect(facts?.security?.normalMinutes ?? 0).toBeLessThanOrEqual(65_534);
      }),
    );
  });

  it('is waited for as long as it estimates twice over and an hour, and never longer than the kernel can count', () => {
    expect([eraseSeconds(null), eraseSeconds(2), eraseSeconds(65_534)]).toEqual([86_400, 3840, 1_209_600]);
    expect(eraseSeconds(65_534) * 1000).toBeLessThan(2 ** 31);
  });

  it('with frozen security, too many wrong passwords or a password of somebody is not erased by Secure Erase', () => {
    const find = (word: number, withPassword = false) => {
      const security = parseIdentify(identify({ 128: word }))?.security ?? null;
      const { sanitizers, hindrances } = findSecureErase('/dev/none', 'disk', { security, withPassword });
      return [sanitizers.map(({ way }) => way).join(' '), hindrances.join()];
    };
    expect(find(0x0000)).toEqual(['', '']);
    expect(find(0x0001)).toEqual(['secure-erase-normal', '']);
    expect(find(0x0021)).toEqual(['secure-erase-enhanced secure-erase-normal', '']);
    expect(find(0x0029, true)).toEqual(['', expect.stringContaining('frozen')]);
    expect(find(0x0017, true)).toEqual(['', expect.stringContaining('wrong passwords')]);
    expect(find(0x0003)).toEqual(['', 'it has an ATA password']);
    expect(find(0x0007, true)).toEqual(['secure-erase-normal', '']);
  });

  it('says in its registers how far a sanitize is, in a descriptor as Linux has them and in the fixed format', () => {
    const descriptor = (count: string, lba: string) =>
      parseAtaRegisters(
        Buffer.from(`7201001d0000000e090c0100${count}00${lba.slice(2)}00${lba.slice(0, 2)}00004050`, 'hex'),
      );
    const state = (registers: ReturnType<typeof parseAtaRegisters>) => registers && parseSanitizeRegisters(registers);
    expect(state(descriptor('4000', '8000'))).toEqual({ state: 'running', fraction: 0.5, frozen: false });
    expect(state(descriptor('8000', 'ffff'))).toEqual({ state: 'done', fraction: 1, frozen: false });
    expect(state(descriptor('2000', 'ffff'))).toEqual({ state: 'failed', fraction: 1, frozen: true });
    const fixed = (upper: string, lba: string) =>
      parseAtaRegisters(Buffer.from(`f00001005040000a${upper}${lba}000000001d00000000`.padEnd(36, '0'), 'hex'));
    expect(state(fixed('c0', '008000'))).toMatchObject({ state: 'running', fraction: 0.5 });
    expect(state(fixed('c0', 'ffff00'))).toMatchObject({ state: 'done' });
    expect(state(fixed('80', 'ffff00'))).toMatchObject({ state: 'failed' });
  });
});

describe('a SCSI disk', () => {
  it('is sent SANITIZE, which answers at once, and an overwrite with its pattern', () => {
    expect(hex(scsiCommand('sanitize-block').bytes)).toBe('48a20000000000000000');
    expect(hex(scsiCommand('sanitize-crypto').bytes)).toBe('48a30000000000000000');
    const overwrite = scsiCommand('sanitize-overwrite');
    expect([hex(overwrite.bytes), hex(overwrite.sent ?? Buffer.alloc(0))]).toEqual([
      '48a10000000000000800',
      '0100000400000000',
    ]);
  });

  it('says in sense data how far it is, in both formats; what says nothing of it is nothing', () => {
    const say = (text: string) => parseSanitizeSense(Buffer.from(text, 'hex'));
    expect(say('700002000000000a00000000041b00804000')).toEqual({ state: 'running', fraction: 0.25 });
    expect(say('7202041b000000080206000080c00000')).toEqual({ state: 'running', fraction: 0.75 });
    expect(say('7203310300000000')).toMatchObject({ state: 'failed' });
    expect(say('7200000000000000')).toMatchObject({ state: 'done' });
    // UNIT ATTENTION: after a reset, of whatever was before.
    expect(say('7206290000000000')).toBeNull();
    expect([say(''), say('00'), say('7f020400')]).toEqual([null, null, null]);
  });
});

it('sense data of any bytes are read within them', () => {
  const formats = fc.constantFrom(0x70, 0x71, 0x72, 0x73, 0xf0, 0xf2);
  fc.assert(
    fc.property(formats, fc.uint8Array({ maxLength: 260 }), (format, rest) => {
      const sense = Buffer.from([format, ...rest]);
      const { fraction } = parseSense(sense) ?? { fraction: null };
      expect(fraction === null || (fraction >= 0 && fraction < 1)).toBe(true);
      expect(parseAtaRegisters(sense)?.lba ?? 0).toBeLessThan(2 ** 24);
    }),
  );
});

describe('what sg_raw says', () => {
  const words = `SCSI Status: Check Condition \n\nSense Information:\nDescriptor format, current; Sense key: Recovered Error\n`;

  it('has the sense data in hexadecimal, and the rest for a person', () => {
    const raw = ` Raw sense data (in hex), sb_len=22\n        72 01 00 1d 00 00 00 0e  09 0c 01 00 40 00 00 80\n        00 00 00 00 40 50\n\nmore`;
    const { said, sense } = readWords(`    cdb to send: [ata pass-through(16): 85 07]\n${words}${raw}`);
    expect(hex(sense)).toBe('7201001d0000000e090c010040000080000000004050');
    expect(said).toBe(words.trim());
  });

  it('may have none, or far too much', () => {
    expect(readWords(words)).toEqual({ said: words.trim(), sense: Buffer.alloc(0) });
    const line = `        ${'70 '.repeat(16)}\n`;
    expect(readWords(`Raw sense data (in hex), sb_len=9999\n${line.repeat(1000)}`).sense).toHaveLength(252);
  });
});
