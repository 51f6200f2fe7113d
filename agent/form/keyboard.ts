// The form's keys from a terminal: the keyboard of a screen, or a serial line. The event loop waits for them, no thread does.
import { closeSync, constants, openSync } from 'node:fs';
import { isatty, ReadStream } from 'node:tty';
import { type Key, KeyDecoder } from './keys.ts';

/** The rest of a key's sequence comes sooner, even through a network of serial servers. */
const restMs = 500;
/** A line that was hung up may be there again. */
const againMs = 10_000;

/** Hands on the keys that come from `path` for as long as the agent runs; a line that is not there has none. */
export function listenToKeys(path: string, onKeys: (keys: Key[]) => void): void {
  const stream = openStream(path);
  if (stream === null) return;
  const decoder = new KeyDecoder();
  let rest: NodeJS.Timeout | undefined;
  stream.on('data', (bytes: Buffer) => {
    clearTimeout(rest);
    const keys = decoder.push(bytes);
    if (decoder.isWaiting) rest = setTimeout(() => onKeys(decoder.flush()), restMs).unref();
    if (keys.length > 0) onKeys(keys);
  });
  stream.on('error', () => stream.destroy());
  stream.on('end', () => stream.destroy());
  stream.on('close', () => void setTimeout(() => listenToKeys(path, onKeys), againMs).unref());
  // Others keep the agent alive.
  stream.unref();
}

function openStream(path: string): ReadStream | null {
  let fd: number | null = null;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (!isatty(fd)) throw new Error('no terminal');
    return new ReadStream(fd).setRawMode(true);
  } catch {
    if (fd !== null) closeSync(fd);
    return null;
  }
}
