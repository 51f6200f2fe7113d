// The options by which a person says what opens encrypted images: a key file or a passphrase.
import { readFile, stat } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { parseKeyFile } from '../imaging/crypt/key-file.ts';
import type { KeySecret } from '../imaging/crypt/secret.ts';
import { DeployError } from '../protocol/errors.ts';
import { askPassphrase } from './ask-passphrase.ts';

export type KeyFlags = { keyFile?: string; passphraseFile?: string; encrypt?: boolean };
export type NewKeyFlags = { newKeyFile?: string; newPassphraseFile?: string };

const leastPassphraseLength = 12;

/** Adds --key-file and --passphrase-file. */
export function withKey(command: Command): Command {
  return command
    .addOption(
      new Option('--key-file <file>', 'key file for encrypted images (or DEPLOY_OS_KEY_FILE)').conflicts(
        'passphraseFile',
      ),
    )
    .option('--passphrase-file <file>', 'file with the passphrase for them (or DEPLOY_OS_PASSPHRASE holds it)');
}

/** Adds --encrypt and --no-encrypt to a verb that makes an image. */
export function withEncryption(command: Command): Command {
  return command
    .option('--encrypt', 'encrypt the image; that a key is given says so too')
    .option('--no-encrypt', 'do not, whatever key is given');
}

/** Whether a verb that makes an image is to encrypt it. */
export function wantsEncryption(flags: KeyFlags): boolean {
  return flags.encrypt ?? isKeyGiven(flags);
}

/** By a flag or the environment: what needs no question. */
export function isKeyGiven({ keyFile, passphraseFile }: KeyFlags): boolean {
  const { DEPLOY_OS_KEY_FILE: envFile, DEPLOY_OS_PASSPHRASE: envPassphrase } = process.env;
  return [keyFile, passphraseFile, envFile, envPassphrase].some((given) => given !== undefined);
}

/** From the flags, the environment or the terminal, in this order; null when there is none. @throws key-corrupt, invalid-input */
export async function findSecret(flags: KeyFlags, purpose: string): Promise<KeySecret | null> {
  const { DEPLOY_OS_KEY_FILE: envFile, DEPLOY_OS_PASSPHRASE: envPassphrase } = process.env;
  if (flags.keyFile !== undefined) return readKeyFile(flags.keyFile);
  if (flags.passphraseFile !== undefined) return readPassphraseFile(flags.passphraseFile);
  if (envFile !== undefined) return readKeyFile(envFile);
  const text = envPassphrase ?? (await askPassphrase(`Passphrase ${purpose}`));
  return text === null ? null : { kind: 'passphrase', text };
}

/** @throws key-needed */
export async function requireSecret(flags: KeyFlags, purpose: string): Promise<KeySecret> {
  const secret = await findSecret(flags, purpose);
  if (secret !== null) return secret;
  throw new DeployError('key-needed', `a key is needed ${purpose}, and none was given`, {
    hint: 'Give --key-file, --passphrase-file or DEPLOY_OS_PASSPHRASE.',
  });
}

/** Adds the options that say what to lock with. */
export function withNewKey(command: Command): Command {
  return command
    .addOption(new Option('--new-key-file <file>', 'a key file, made by `key create`').conflicts('newPassphraseFile'))
    .option('--new-passphrase-file <file>', 'a file with a passphrase; without either flag it is asked for');
}

/** @throws key-needed, key-corrupt; invalid-input for a passphrase that is too short or typed differently the second time */
export async function findNewSecret({ newKeyFile, newPassphraseFile }: NewKeyFlags): Promise<KeySecret> {
  if (newKeyFile !== undefined) return readKeyFile(newKeyFile);
  const secret = newPassphraseFile === undefined ? await askTwice() : await readPassphraseFile(newPassphraseFile);
  if (secret.kind === 'passphrase' && secret.text.length < leastPassphraseLength) {
    throw new DeployError('invalid-input', `a passphrase has at least ${leastPassphraseLength} characters`, {
      hint: 'Whoever copies the store can try passphrases for years: four or five words drawn at random are good.',
    });
  }
  return secret;
}

async function askTwice(): Promise<KeySecret> {
  const text = await askPassphrase('New passphrase');
  if (text === null) {
    throw new DeployError('key-needed', 'no new key was given', {
      hint: 'Give --new-key-file or --new-passphrase-file.',
    });
  }
  if ((await askPassphrase('The same again')) === text) return { kind: 'passphrase', text };
  throw new DeployError('invalid-input', 'the two passphrases differ; nothing was changed');
}

async function readKeyFile(file: string): Promise<KeySecret> {
  const text = await readShort(file);
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) process.stderr.write(`warning: others on this machine can read the key file ${file}\n`);
  return parseKeyFile(text);
}

/** One line break at its end is an editor's and not the passphrase's. */
async function readPassphraseFile(file: string): Promise<KeySecret> {
  return { kind: 'passphrase', text: (await readShort(file)).replace(/\r?\n$/, '') };
}

async function readShort(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new DeployError('invalid-input', `the file ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
