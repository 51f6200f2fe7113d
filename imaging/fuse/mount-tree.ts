// Shows a file tree as a mounted folder: opens /dev/fuse, mounts, and answers the kernel until the folder is unmounted.
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import { listMounts, mount, unmount } from '../mount/mount-table.ts';
import { TreeServer } from './answer.ts';
import type { FileTree } from './file-tree.ts';
import {
  encodeAnswer,
  maxTransferBytes,
  opcodes,
  type Request,
  RequestCutter,
  readInterrupted,
  requestBufferBytes,
} from './protocol.ts';

/** What our mounts are called in /proc/mounts. */
export const fuseType = 'fuse.deploy-os';

export type MountTreeOptions = {
  /** Hears why a file could not be read or written: the kernel's callers only learn EIO. */
  readonly onError: (error: Error) => void;
};

export type MountedTree = {
  readonly directory: string;
  /** Resolves when nothing is mounted any more, whoever unmounted it. */
  readonly ended: Promise<void>;
  /** Unmounts; a user that does not let go within `patienceMs` is cut off. Answers whether one was. */
  unmount(patienceMs: number): Promise<boolean>;
};

/** Mounts `tree` as `mountServer` does. @throws mount-failed, tool-missing */
export function mountTree(tree: FileTree, directory: string, options: MountTreeOptions): Promise<MountedTree> {
  const writable = tree.entries.some((entry) => 'file' in entry && entry.file.write !== undefined);
  return mountServer(new TreeServer(tree, options), directory, { ...options, writable });
}

/**
 * Mounts what `server` answers about on `directory`, an existing empty folder given by its real path.
 * This process serves it from its event loop: it must not itself wait synchronously, or with all of Node's file threads, for a file in it.
 * @throws mount-failed, tool-missing
 */
export async function mountServer(
  server: Pick<TreeServer, 'answer'>,
  directory: string,
  { onError, writable }: MountTreeOptions & { readonly writable: boolean },
): Promise<MountedTree> {
  const descriptor = openFuse();
  try {
    await mount({
      ...{ type: fuseType, source: 'deploy-os', directory, inherit: descriptor },
      options: [
        ...['fd=3', 'rootmode=40000', 'user_id=0', 'group_id=0', 'default_permissions', `max_read=${maxTransferBytes}`],
        ...['nosuid', 'nodev', 'noexec', writable ? 'rw' : 'ro'],
      ],
    });
  } catch (thrown) {
    fs.closeSync(descriptor);
    throw thrown;
  }
  const connection = new Connection(descriptor, server, onError);
  await allowReadAhead(directory);
  return {
    directory,
    ended: connection.ended,
    unmount: async (patienceMs) => {
      const cutOff = await unmount(directory, { patienceMs, thenDetach: true });
      if (cutOff) connection.abort();
      await connection.ended;
      return cutOff;
    },
  };
}

function openFuse(): number {
  try {
    return fs.openSync('/dev/fuse', 'r+');
  } catch (cause) {
    throw new DeployError('mount-failed', `opening /dev/fuse: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
      hint: 'Run as root, on a kernel with FUSE (modprobe fuse).',
    });
  }
}

/** The kernel reads ahead 128 KiB of a FUSE file unless told otherwise; a chunk is 1 MiB. Without the right to say so it is only slower. */
async function allowReadAhead(directory: string): Promise<void> {
  const mounted = (await listMounts()).findLast((entry) => entry.directory === directory);
  const file = `/sys/class/bdi/${mounted?.majorMinor}/read_ahead_kb`;
  await writeFile(file, String(maxTransferBytes / 1024)).catch(() => {});
}

class Connection {
  readonly ended: Promise<void>;
  readonly #descriptor: number;
  readonly #server: Pick<TreeServer, 'answer'>;
  readonly #onError: (error: Error) => void;
  readonly #pump: ChildProcess;
  readonly #reading = new Set<bigint>();
  #open = true;

  constructor(descriptor: number, server: Pick<TreeServer, 'answer'>, onError: (error: Error) => void) {
    this.#descriptor = descriptor;
    this.#server = server;
    this.#onError = onError;
    this.#pump = startPump(descriptor);
    const cutter = new RequestCutter();
    this.#pump.stdout?.on('data', (piece: Buffer) => {
      try {
        for (const request of cutter.take(piece)) void this.#handle(request);
      } catch (thrown) {
        this.#onError(thrown as Error);
        this.abort();
      }
    });
    this.ended = new Promise((resolve) => {
      this.#pump.on('error', (error) => {
        this.#onError(error);
        this.#close(resolve);
      });
      this.#pump.on('close', () => this.#close(resolve));
    });
  }

  /** Ends the connection: whoever waits for a file gets an error. */
  abort(): void {
    this.#pump.kill('SIGKILL');
  }

  #close(done: () => void): void {
    if (this.#open) fs.closeSync(this.#descriptor);
    this.#open = false;
    done();
  }

  async #handle(request: Request): Promise<void> {
    if (request.opcode === opcodes.interrupt) return this.#interrupt(request);
    const mayBeInterrupted = request.opcode === opcodes.read;
    if (mayBeInterrupted) this.#reading.add(request.unique);
    const answer = await this.#server.answer(request);
    if (mayBeInterrupted && !this.#reading.delete(request.unique)) return;
    if (answer !== null) this.#write(encodeAnswer(request.unique, answer));
  }

  /** A program that was told to stop must not wait for a store that does not answer. */
  #interrupt({ body }: Request): void {
    if (body.length < 8) return;
    const unique = readInterrupted(body);
    if (this.#reading.delete(unique)) this.#write(encodeAnswer(unique, { error: 'EINTR' }));
  }

  #write(parts: Buffer[]): void {
    if (!this.#open) return;
    try {
      fs.writevSync(this.#descriptor, parts);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      // ENOENT: whoever asked has gone meanwhile; ENODEV: it is unmounted.
      if (code !== 'ENOENT' && code !== 'ENODEV') this.#onError(thrown as Error);
    }
  }
}

/**
 * Reads requests for us: a read of /dev/fuse blocks until there is one, and a thread of ours that blocks there would keep the process
 * from ending. The pump goes when the folder is unmounted (its read fails) and is killed when we die, which ends the connection.
 */
function startPump(descriptor: number): ChildProcess {
  const dd = ['dd', `bs=${requestBufferBytes}`, 'status=none'];
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...dd], { stdio: [descriptor, 'pipe', 'ignore'], detached: true });
}
