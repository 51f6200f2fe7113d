// How a recipe stops when it is told to: one error, whatever the signal's reason.
import { DeployError } from '../protocol/errors.ts';

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DeployError('cancelled', 'stopped on request', { cause: signal.reason });
}
