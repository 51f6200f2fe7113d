// What of a step's warnings goes with its result: the log has had them all, and the results of 32 steps must fit into one frame (protocol/agent-messages.ts).
const maxBytes = 64 * 1024;
const maxWarningLength = 8192;

/** The first of them, at most 64 KiB of UTF-8; then a line that says how many were left out. */
export function boundWarnings(warnings: readonly string[]): string[] {
  const kept: string[] = [];
  let bytes = 0;
  for (const warning of warnings) {
    const cut = warning.slice(0, maxWarningLength);
    // Empty ones cost something too; so there are at most 900.
    bytes += Math.max(72, Buffer.byteLength(cut));
    if (bytes > maxBytes) {
      return [...kept, `${warnings.length - kept.length} more warnings are in the job's log only`];
    }
    kept.push(cut);
  }
  return kept;
}
