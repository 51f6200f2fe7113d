// What is written to a terminal's device: never waited for, lost when the line is full.
import { constants, openSync, writeSync } from 'node:fs';

/** Null when there is no such terminal. */
export function openWriter(path: string): ((text: string) => void) | null {
  let fd: number | null = openQuietly(path);
  if (fd === null) return null;
  return (text) => {
    try {
      if (fd !== null) writeSync(fd, text);
    } catch (thrown) {
      // A line that is full loses this text. One that is gone is left alone from now on; its descriptor stays taken, so that nothing else
      // can ever get the same number and this text.
      if ((thrown as NodeJS.ErrnoException).code !== 'EAGAIN') fd = null;
    }
  };
}

function openQuietly(path: string): number | null {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
}
