// `deploy-os key …`: key files, and the keys that open a store's encrypted images.
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { makeKeyFile, parseKeyFile } from '../imaging/crypt/key-file.ts';
import type { KeyObject } from '../imaging/crypt/key-object.ts';
import { addKey, removeKey, rotateKey } from '../imaging/crypt/manage-keys.ts';
import { readKeyObjects } from '../imaging/crypt/unlock.ts';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { findNewSecret, type KeyFlags, type NewKeyFlags, requireSecret, withNewKey } from './key-option.ts';
import { interruptSignal, printJson, printTable } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';

type Flags = StoreOptions & KeyFlags & { json?: true };
type NewFlags = Flags & NewKeyFlags & { label?: string };

const lossWarning = [
  'Keep this in mind: images encrypted with this key cannot be read without it, by anyone, ever.',
  'There is no back door and no reset. Print the key file, or write the passphrase down, and keep it away from the store.',
  "Keep a copy of the store's folder keys/ too (docs/operations/encryption.md).",
];

export function addCommands(program: Command): void {
  const key = program.command('key').description('Make and manage the keys of encrypted images');
  key
    .command('create <file>')
    .description('Make a key file: 256 random bits as text that can be printed')
    .option('--json', 'print the result as JSON')
    .action(create);
  const verb = (usage: string, text: string) =>
    withStore(key.command(usage).description(text)).option('--json', 'print the result as JSON');
  withNewKey(verb('add', 'Let one more key file or passphrase open the encrypted images of a store'))
    .option('--label <text>', 'what people call it: who has it, where it is kept')
    .action(add);
  withNewKey(verb('rotate <id>', 'Put a new key file or passphrase in the place of one; images stay as they are'))
    .alias('rewrap')
    .option('--label <text>', 'what people call it')
    .action(rotate);
  verb('list', 'List the key files and passphrases that open a store').action(list);
  verb('remove <id>', 'Remove one; the last is kept').action(remove);
}

async function create(file: string, flags: { json?: true }): Promise<void> {
  const text = makeKeyFile();
  const { id } = parseKeyFile(text) as { id: string };
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600, flush: true });
  } catch (thrown) {
    const { message } = toDeployError(thrown);
    throw new DeployError('invalid-input', `the key file ${file} cannot be made: ${message}`, { cause: thrown });
  }
  warnOfLoss();
  if (flags.json) printJson({ file, id });
  else process.stdout.write(`${file}: key file ${id}\n`);
}

async function add(flags: NewFlags): Promise<void> {
  const signal = interruptSignal();
  const { key, first } = await usingStore(
    { ...flags, encrypt: false },
    async (store) =>
      addKey(store, {
        current: () => requireSecret(flags, 'that opens the store now'),
        secret: await findNewSecret(flags),
        label: flags.label ?? '',
        signal,
      }),
    true,
  );
  if (first) warnOfLoss();
  print(key, flags);
}

async function rotate(id: string, flags: NewFlags): Promise<void> {
  const signal = interruptSignal();
  const key = await usingStore(flags, async (store) =>
    rotateKey(store, id, {
      current: () => requireSecret(flags, 'that opens the store now'),
      secret: await findNewSecret(flags),
      label: flags.label ?? '',
      signal,
    }),
  );
  process.stderr.write(
    'An old copy of the store with its folder keys/ still opens with the old key: rotation protects from now on.\n',
  );
  print(key, flags);
}

async function list(flags: Flags): Promise<void> {
  const damaged: unknown[] = [];
  const keys = await usingStore(flags, (store) =>
    readKeyObjects(store, interruptSignal(), (thrown) => damaged.push(thrown)),
  );
  for (const thrown of damaged) process.stderr.write(`warning: ${toDeployError(thrown).message}\n`);
  if (flags.json) printJson(keys.map(describe));
  else printTable(['id', 'opened by', 'label', 'added', 'data key'], keys.map(toRow));
}

async function remove(id: string, flags: Flags): Promise<void> {
  await usingStore(flags, (store) => removeKey(store, id, interruptSignal()));
  if (flags.json) printJson({ removed: id });
}

function print(key: KeyObject, flags: Flags): void {
  if (flags.json) printJson(describe(key));
  else printTable(['id', 'opened by', 'label', 'added', 'data key'], [toRow(key)]);
}

function describe({ id, lock, label, createdAt, dataKeyId }: KeyObject) {
  const openedBy = lock.kind === 'file' ? { kind: lock.kind, fileId: lock.fileId } : { kind: lock.kind };
  return { id, openedBy, label, createdAt, dataKeyId };
}

function toRow({ id, lock, label, createdAt, dataKeyId }: KeyObject): string[] {
  return [id, lock.kind === 'file' ? `key file ${lock.fileId}` : 'passphrase', label, createdAt, dataKeyId];
}

function warnOfLoss(): void {
  process.stderr.write(`${lossWarning.join('\n')}\n`);
}
