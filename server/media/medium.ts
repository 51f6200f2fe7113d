// The ISO that `deploy-os build` made, with other settings in it: only the bytes of the settings are others, so nothing is built and nothing else is touched.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { ByteRange } from './byte-range.ts';

/** What of build-manifest.json is used. The place is bounded, since the file may come from anywhere. */
const manifestSchema = z.object({
  medium: z.object({
    path: z.literal('deploy-os.iso'),
    settingsOffset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    settingsBytes: z.number().int().min(512).max(65_536),
  }),
});

/** As initramfs/stages/boot-iso.ts writes it; GRUB reads it (initramfs/boot/iso.cfg). */
const settingsPattern = /^(# Deploy-OS medium settings 1\nset deploy_options=')([^\n]*)'\n/;
const pieceBytes = 256 * 1024;
const rebuild = 'Run deploy-os build for the boot directory again.';

export type Medium = {
  readonly sizeBytes: number;
  /** Of these very bytes. */
  readonly entityTag: string;
  read(range: ByteRange): AsyncGenerator<Buffer>;
  close(): Promise<void>;
};

/** `words` go to the kernel's command line, after those that it was built with. @throws DeployError invalid-input when there is no such ISO, or no room. */
export async function openMedium(bootDir: string, words: string): Promise<Medium> {
  const iso = path.join(bootDir, 'deploy-os.iso');
  const { settingsOffset, settingsBytes } = await readPlace(bootDir);
  const file = await open(iso, 'r').catch((thrown) => {
    throw new DeployError('invalid-input', `${iso}: ${toDeployError(thrown).message}`, { hint: rebuild });
  });
  try {
    const { size, mtimeMs } = await file.stat();
    const old = Buffer.alloc(settingsBytes);
    await readWhole(file, old, settingsOffset);
    const settings = changeSettings(old, words, iso);
    const hash = createHash('sha256').update(`${size} ${mtimeMs} ${settingsOffset}\n`).update(settings);
    return {
      sizeBytes: size,
      entityTag: `"${hash.digest('hex').slice(0, 32)}"`,
      read: (range) => readPieces(file, range, { at: settingsOffset, bytes: settings }),
      close: () => file.close(),
    };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

async function readPlace(bootDir: string): Promise<z.infer<typeof manifestSchema>['medium']> {
  const file = path.join(bootDir, 'build-manifest.json');
  try {
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8'))).medium;
  } catch (cause) {
    throw new DeployError('invalid-input', `${file} does not say where the settings of deploy-os.iso are`, {
      cause,
      hint: rebuild,
    });
  }
}

/** The same number of bytes. */
function changeSettings(old: Buffer, words: string, iso: string): Buffer {
  const [, before, built] = settingsPattern.exec(old.toString('latin1')) ?? [];
  if (before === undefined) {
    throw new DeployError('invalid-input', `${iso} has no settings where build-manifest.json says`, { hint: rebuild });
  }
  const text = `${before}${built === '' ? '' : `${built} `}${words}'\n`;
  if (text.length >= old.length)
    throw new DeployError('invalid-input', `the settings are too long: ${text.length} bytes`);
  const bytes = Buffer.alloc(old.length, '#');
  bytes.write(text, 'latin1');
  bytes.write('\n', old.length - 1);
  return bytes;
}

type Patch = { readonly at: number; readonly bytes: Buffer };

async function* readPieces(file: FileHandle, { start, end }: ByteRange, patch: Patch): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const piece = Buffer.alloc(Math.min(pieceBytes, end - at));
    await readWhole(file, piece, at);
    const [from, to] = [Math.max(at, patch.at), Math.min(at + piece.length, patch.at + patch.bytes.length)];
    if (from < to) patch.bytes.copy(piece, from - at, from - patch.at, to - patch.at);
    yield piece;
    at += piece.length;
  }
}

/** @throws DeployError invalid-input when the file ends before: it is another one than its record is of, or is being made anew. */
async function readWhole(file: FileHandle, into: Buffer, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new DeployError('invalid-input', 'deploy-os.iso ends too early', { hint: rebuild });
    done += bytesRead;
  }
}
