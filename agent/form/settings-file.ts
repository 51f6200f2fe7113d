// The text of deploy-os.conf with other settings in it. GRUB reads it as a script (initramfs/boot/iso.cfg); a person may have written in it, too.
import { noneWord, type SettingWords, settingNames } from '../1-boot/settings.ts';

/**
 * `text` with each setting once: on the line where it stood, or where a line says it with a `#` before it, or at the end. Every other line stays as it is, and so do
 * the file's line ends. Values are those of a form without faults (form.ts): no character in them means anything to GRUB within quotes.
 * Unless the server is the same, the secret is taken back.
 */
export function editSettings(text: string, words: SettingWords, { sameServer }: { sameServer: boolean }): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  let lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  for (const name of settingNames) lines = editSetting(lines, name, words[name]);
  if (!sameServer) lines = editSetting(lines, 'secret', noneWord);
  return lines.map((line) => line + newline).join('');
}

function editSetting(lines: readonly string[], name: string, value: string): string[] {
  const setting = `${name}='${value}'`;
  const set = new RegExp(`^\\s*${name}=`);
  const offered = new RegExp(`^\\s*#\\s*${name}=`);
  // Of a word set twice GRUB takes the last.
  const last = lines.findLastIndex((line) => set.test(line));
  const at = last >= 0 ? last : lines.findIndex((line) => offered.test(line));
  if (at < 0) return [...lines, setting];
  return lines.flatMap((line, i) => (i === at ? [setting] : set.test(line) ? [] : [line]));
}
