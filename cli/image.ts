// `deploy-os image …`: capture, restore, verify, show, delete, list, map.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { captureImage } from '../imaging/capture.ts';
import { isEscrowName } from '../imaging/manifest/image-name.ts';
import { loadManifest } from '../imaging/manifest/load-image.ts';
import { verifyError, verifyImage } from '../imaging/verify.ts';
import { type ImageDetails, imageDetailsSchema } from '../protocol/image.ts';
import { fingerprintOf } from '../server/tls/fingerprint.ts';
import { callWith } from './connect.ts';
import { addDiffCommand } from './image-diff.ts';
import { addExportCommand } from './image-export.ts';
import { addImportCommand } from './image-import.ts';
import { addMapCommand } from './image-map.ts';
import { addMountCommand } from './image-mount.ts';
import { printCapture, printHealth, printImages, printManifest, printVerify } from './image-output.ts';
import { addPreflightCommand } from './image-preflight.ts';
import { addProveCommand } from './image-prove.ts';
import { addRestoreCommand } from './image-restore.ts';
import { addUndoCommand } from './image-undo.ts';
import { withEncryption } from './key-option.ts';
import { failWith, printJson } from './output.ts';
import { type StoreOptions, usingStore, withStore } from './store-option.ts';
import { withProgress } from './with-progress.ts';
import { number, type WorkerFlags, workersOf } from './workers-option.ts';

type CommonOptions = StoreOptions & { json?: true };
type RunFlags = WorkerFlags & { member?: true; allowShared?: true };
type CaptureFlags = CommonOptions &
  RunFlags & { parent?: string | false; level?: number; rescue?: true; partition?: number[]; unpartitioned?: true };

export function addCommands(program: Command): void {
  const image = program.command('image').description('Capture disks as images, restore, verify and list them');
  const verb = (usage: string, text: string) =>
    withStore(image.command(usage).description(text)).option('--json', 'print the result as JSON');

  withEncryption(verb('capture <source> <name>', 'Capture the used bytes of a disk or disk file as an image'))
    .option('--parent <name>', 'an image of the same disk: what it has is not asked for again (default: the newest)')
    .option('--no-parent', 'start from no other image')
    .option('--level <number>', 'zstd level, 1 (fast, the default) to 19 (small)', number(1, 19))
    .option('--partition <number>', 'only this partition; may be given several times', collectNumbers)
    .option('--unpartitioned', 'also all that lies outside of partitions, not only where something is known to live')
    .option('--member', 'capture a member of an array as if it were a disk')
    .option('--allow-shared', 'capture a disk with a cluster’s file system, which other machines may use')
    .option('--rescue', 'the disk has bad sectors: save what can be read, and keep a list of what is lost')
    .option('--workers <number>', 'threads (default: as many as cores)', number(1, 64))
    .action(capture);
  verb('verify <name>', 'Read every chunk of an image and check it')
    .option('--workers <number>', 'threads (default: as many as cores)', number(1, 64))
    .action(verify);
  verb('show <name>', 'Show what an image holds').action(show);
  verb('delete <name>', 'Delete an image; `store gc` frees its chunks').action(remove);
  verb('list', 'List the images of a store').action(list);
  addDiffCommand(image);
  addExportCommand(image);
  addImportCommand(image);
  addMapCommand(image);
  addMountCommand(image);
  addPreflightCommand(image);
  addProveCommand(image);
  addRestoreCommand(image);
  addUndoCommand(image);
}

function collectNumbers(text: string, before: number[] = []): number[] {
  return [...before, number(1, 1024)(text)];
}

async function capture(disk: string, name: string, flags: CaptureFlags): Promise<void> {
  const { parent, level, member = false, rescue = false, unpartitioned = false } = flags;
  const { allowShared = false } = flags;
  const result = await usingStore(
    flags,
    (store) =>
      withProgress((run) =>
        captureImage({
          ...run,
          ...workersOf(flags),
          ...(parent === undefined ? {} : { parentName: parent || null }),
          ...(level === undefined ? {} : { level }),
          ...(flags.partition === undefined ? {} : { partitions: flags.partition }),
          ...{ sourcePath: disk, imageName: name, store, allowMember: member, allowShared, rescue, unpartitioned },
        }),
      ),
    true,
  );
  if (flags.json) printJson(result);
  else printCapture(result);
}

/** Damage is printed like any result, and then is the command's error; with --json stdout stays one JSON value. */
async function verify(name: string, flags: CommonOptions & RunFlags): Promise<void> {
  const result = await usingStore(flags, (store) =>
    withProgress((run) => verifyImage({ ...run, ...workersOf(flags), imageName: name, store })),
  );
  if (flags.json) printJson(result);
  else printVerify(result);
  failWith(verifyError(result));
}

async function show(name: string, flags: CommonOptions): Promise<void> {
  const manifest = await usingStore(flags, (store) => loadManifest(store, name));
  const known = await askKnown(name, flags);
  if (flags.json) printJson(known === null ? manifest : { ...manifest, health: known.health });
  else printManifest(manifest);
  if (!flags.json && known !== null) printHealth(known);
}

/** What a server knows of checks of it; null of any other store. */
async function askKnown(name: string, { store, token, ca }: CommonOptions): Promise<ImageDetails | null> {
  if (!store.startsWith('https://') || token === undefined || ca === undefined) return null;
  const caFingerprint = ca.startsWith('sha256:') ? ca : fingerprintOf(await readFile(ca, 'utf8'));
  const access = { url: store, caFingerprint, token };
  return await callWith(access, 'GET', `/v1/images/${encodeURIComponent(name)}`, imageDetailsSchema);
}

async function remove(name: string, flags: CommonOptions): Promise<void> {
  await usingStore(flags, (store) => store.deleteManifest(name));
  if (flags.json) printJson({ deleted: name });
}

async function list(flags: CommonOptions): Promise<void> {
  const stored = await usingStore(flags, (store) => store.listManifests());
  const images = stored.filter(({ name }) => !isEscrowName(name));
  if (flags.json) printJson(images);
  else printImages(images);
}
