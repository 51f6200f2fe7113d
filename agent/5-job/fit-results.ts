// Fifth stage: what a job's checks found, cut down to what one frame of the control channel holds; a server refuses a larger one for ever.
import { maxFrameBytes, type StepResult } from '../../protocol/agent-messages.ts';

/** The rest of the frame is for figures, warnings and the error. */
const budgetBytes = 0.75 * maxFrameBytes;
const leftOut = 'what is on it was left out: the report of so many disks would be too large';

/** The results as they are, or without what was read of the disks, or without the disks of a check, and said so. */
export function fitResults(results: readonly StepResult[], budget = budgetBytes): StepResult[] {
  let left = budget;
  return results.map((result) => {
    if (result.disks === undefined) return result;
    const { disks, ...rest } = result;
    const fitting = [disks, disks.map((disk) => ({ ...disk, map: null, readError: disk.readError ?? leftOut }))].find(
      (tried) => sizeOf(tried) <= left,
    );
    if (fitting === undefined) {
      return { ...rest, warnings: [...rest.warnings, 'the report of the disks was left out: it is too large'] };
    }
    left -= sizeOf(fitting);
    return { ...rest, disks: fitting };
  });
}

/** As JSON, of which msgpack makes a little less. */
function sizeOf(disks: NonNullable<StepResult['disks']>): number {
  return Buffer.byteLength(JSON.stringify(disks));
}
