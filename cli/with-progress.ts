// How a verb runs a recipe: a progress line and warnings on stderr, stopped by Ctrl-C.
import type { FindingOptions } from '../imaging/preflight/finding.ts';
import type { RunOptions } from '../imaging/progress.ts';
import { describeFinding, formatBytes, interruptSignal, ProgressLine } from './output.ts';

export async function withProgress<Result>(
  work: (run: RunOptions & FindingOptions) => Promise<Result>,
): Promise<Result> {
  const line = new ProgressLine();
  try {
    return await work({
      signal: interruptSignal(),
      onProgress: ({ phase, bytesDone, bytesTotal, bytesLost = 0 }) => {
        const note = bytesLost === 0 ? '' : `, ${formatBytes(bytesLost)} lost`;
        line.update(phase, bytesDone, bytesTotal, note);
      },
      onFinding: (finding) => {
        line.end();
        process.stderr.write(`${describeFinding(finding)}\n`);
      },
      onWarning: (message) => {
        line.end();
        process.stderr.write(`warning: ${message}\n`);
      },
    });
  } finally {
    line.end();
  }
}
