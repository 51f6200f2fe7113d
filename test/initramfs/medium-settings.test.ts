import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { findMediumSettings, writeMediumSettings } from '../../initramfs/stages/medium-settings.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

describe('the settings of a medium', () => {
  test('are of one size whatever is in them, and quoted for GRUB', () => {
    const text = writeMediumSettings("a='b' c").toString();
    expect(text).toMatch(/^# Deploy-OS medium settings 1\nset deploy_options='a='\\''b'\\'' c'\n#+\n$/);
    for (const words of ['', 'x', 'x'.repeat(4000)]) expect(writeMediumSettings(words)).toHaveLength(4096);
    expect(() => writeMediumSettings('x'.repeat(4096))).toThrow('too long');
  });

  test('are found in the image that has them once', async () => {
    await withTempDirectory(async (directory) => {
      const iso = path.join(directory, 'x.iso');
      const [noise, settings] = [Buffer.alloc(6144, 'n'), writeMediumSettings('a=b')];
      await writeFile(iso, Buffer.concat([noise, settings, noise]));
      expect(await findMediumSettings(iso, 'a=b')).toEqual({ settingsOffset: 6144, settingsBytes: 4096 });
      await expect(findMediumSettings(iso, 'other')).rejects.toThrow('does not have its settings once');
      await writeFile(iso, Buffer.concat([settings, settings]));
      await expect(findMediumSettings(iso, 'a=b')).rejects.toMatchObject({ code: 'build-failed' });
    });
  });
});
