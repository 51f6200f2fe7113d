// Part of the third: the look at the disks is repeated before each step, and says nothing again that the look before it said.
import type { Log } from '../screen/status.ts';

/** Runs `look`; what it warns of goes to the log unless the run before warned of the same. What was well in between is said again. */
export function warnOnChange(look: (log: Log) => Promise<void>, log: Log): () => Promise<void> {
  let before: ReadonlySet<string> = new Set();
  return async () => {
    const now = new Set<string>();
    await look((level, message) => {
      const known = before.has(message) || now.has(message);
      if (level !== 'info') now.add(message);
      if (level === 'info' || !known) log(level, message);
    });
    before = now;
  };
}
