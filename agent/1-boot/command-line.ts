// First stage: what the kernel command line tells the agent (docs/agent.md lists the words).
import { DeployError } from '../../protocol/errors.ts';
import { type Language, languages } from '../screen/words/languages.ts';
import { type BondChoice, parseBondChoice } from './bond-choice.ts';
import {
  macOf,
  noneWord,
  readSettings,
  type SettingFaults,
  type Settings,
  type SettingWords,
  settingNames,
} from './settings.ts';

/** What no form asks for. */
export type BootWords = {
  /** NICs that are to be joined; null: none. */
  readonly bond: BondChoice | null;
  /** Of this boot, from the server's boot script; null where the machine did not boot by one: then it is asked for. */
  readonly token: string | null;
  /** Of an enrolment, by which the server approves the machine; null: it waits for a person. */
  readonly secret: string | null;
  /** MAC address of the NIC that the firmware booted from (BOOTIF). */
  readonly bootMac: string | null;
  readonly progressMs: number;
  /** After so long a stuck agent's machine is reset; null: the watchdog is left alone. */
  readonly watchdogSeconds: number | null;
  /** Of the screen; what goes to the server is English. */
  readonly language: Language;
};

export type CommandLine = Settings & BootWords;

/** @throws DeployError usage, naming the word that is missing or wrong. */
export function parseCommandLine(text: string): CommandLine {
  const given = readSettingWords(text);
  const { settings, faults } = readSettings(given);
  if (settings === null) throw settingError(given, faults);
  return { ...settings, ...readBootWords(text) };
}

/** @throws DeployError usage, naming the word that is wrong. */
export function readBootWords(text: string): BootWords {
  const words = readWords(text);
  return {
    token: parseToken(words, 'deploy.token'),
    secret: words.get('deploy.secret') === noneWord ? null : parseToken(words, 'deploy.secret'),
    bond: parseBond(words.get('deploy.bond') ?? ''),
    bootMac: parseBootIf(words.get('BOOTIF') ?? null),
    progressMs: parseSeconds(words.get('deploy.progress') ?? '5') * 1000,
    watchdogSeconds: parseWatchdog(words.get('deploy.watchdog') ?? '120'),
    language: parseLanguage(words.get('deploy.language') ?? 'en'),
  };
}

/** What it says of each setting, right or wrong; empty where it says nothing. */
export function readSettingWords(text: string): SettingWords {
  const words = readWords(text);
  return Object.fromEntries(settingNames.map((name) => [name, words.get(`deploy.${name}`) ?? ''])) as SettingWords;
}

/** The medium that the boot loader says it has come from, by the date in it (initramfs/boot/iso.cfg); null: the network, or it said nothing. */
export function readMediumId(text: string): string | null {
  const id = readWords(text).get('deploy.medium') ?? '';
  return /^[0-9]{4}(-[0-9]{2}){6}$/.test(id) ? id : null;
}

/** Words as the kernel splits them: at white space, double quotes hold a word together; of a word given twice the last counts. */
function readWords(text: string): Map<string, string> {
  const words = new Map<string, string>();
  for (const [word] of text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    const plain = word.replaceAll('"', '');
    const equals = plain.indexOf('=');
    if (equals > 0) words.set(plain.slice(0, equals), plain.slice(equals + 1));
  }
  return words;
}

function settingError(given: SettingWords, faults: SettingFaults): DeployError {
  const name = settingNames.find((candidate) => faults[candidate] !== undefined) ?? 'server';
  if (given[name] !== '') return wrong(`deploy.${name}`, given[name], faults[name] ?? '');
  return new DeployError('usage', `the kernel command line lacks deploy.${name}=`, {
    hint: 'Boot through the server, whose boot script gives it, or from a medium that was made for a server.',
  });
}

function wrong(name: string, value: string, why: string): DeployError {
  return new DeployError('usage', `kernel command line: ${name}=${value.slice(0, 200)}: ${why}`);
}

/** Less than 10 s a busy machine may well be stuck for; more than the drivers' own limits is theirs to refuse. */
function parseWatchdog(text: string): number | null {
  if (text === 'off') return null;
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds >= 10 && seconds <= 3600) return seconds;
  throw wrong('deploy.watchdog', text, 'off or whole seconds from 10 to 3600 are wanted');
}

function parseToken(words: ReadonlyMap<string, string>, name: string): string | null {
  const text = words.get(name) ?? '';
  if (text === '') return null;
  // What RFC 6750 allows in a bearer token; anything else would break the header it travels in.
  if (/^[A-Za-z0-9._~+/=-]{1,512}$/.test(text)) return text;
  throw new DeployError('usage', `kernel command line: ${name}= holds a character no token has, or is too long`);
}

function parseBond(text: string): BondChoice | null {
  if (text === '' || text === noneWord) return null;
  const choice = parseBondChoice(text);
  if (typeof choice === 'string') throw wrong('deploy.bond', text, choice);
  return choice;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds >= 0.2 && seconds <= 3600) return seconds;
  throw wrong('deploy.progress', text, 'seconds from 0.2 to 3600 are wanted');
}

function parseLanguage(text: string): Language {
  if (Object.hasOwn(languages, text)) return text as Language;
  throw wrong('deploy.language', text, `one of ${Object.keys(languages).join(', ')} is wanted`);
}

/** PXELINUX and iPXE write the hardware type (01, Ethernet) in front of the address. A BOOTIF that is none is no reason not to boot. */
function parseBootIf(text: string | null): string | null {
  return text === null ? null : (macOf(text.replace(/^01[-:](?=(..[-:]){5}..$)/, '')) ?? null);
}
