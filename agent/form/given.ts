// What the form was told in this boot. It lies in memory, goes before the kernel's command line, and outlives an agent that dies.
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { readSettingWords } from '../1-boot/command-line.ts';
import { noneWord, readSettings, type SettingWords, settingNames } from '../1-boot/settings.ts';
import { runDir } from '../2-network/prepare.ts';

export type Given = {
  readonly words: SettingWords;
  /** The whole command line that went before; what it set up is to be taken down first. Null once that is done. */
  readonly before: string | null;
  /** What there is to say of it, for the next agent's log; null once it is said. */
  readonly note: string | null;
};

const file = `${runDir}/given.json`;

/** Null where the form was told nothing. */
export async function readGiven(): Promise<Given | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Given;
  } catch {
    return null;
  }
}

export async function writeGiven(given: Given): Promise<void> {
  await mkdir(runDir, { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(given));
  await rename(`${file}.new`, file);
}

/** The kernel's command line with what was given behind it, which counts: of a word given twice the last does. */
export function addGiven(kernelText: string, words: SettingWords): string {
  const added = settingNames.map((name) => `deploy.${name}=${completeWords(words)[name]}`);
  // They are one server's: another one has no business with them.
  const kept = isSameServer(kernelText, words) ? [] : ['deploy.token=', `deploy.secret=${noneWord}`];
  return [kernelText.trim(), ...added, ...kept].join(' ');
}

/** Every setting as a word that takes the place of any before it, the server's as it is used. */
export function completeWords(words: SettingWords): SettingWords {
  const { settings } = readSettings(words);
  return {
    ...words,
    server: settings?.serverUrl ?? words.server,
    ip: words.ip || 'dhcp',
    vlan: words.vlan || noneWord,
    nic: words.nic || noneWord,
  };
}

/** A server is known by its CA, whatever its address; where none was named, it is the one that is named now. */
export function isSameServer(kernelText: string, { ca }: SettingWords): boolean {
  const before = readSettingWords(kernelText).ca.toLowerCase();
  return before === '' || before === ca.toLowerCase();
}
