// What a job's state is called and looks like, and what its progress says.
import type { Job } from '../../protocol/rest.ts';
import type { partsTexts } from './texts.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'plain';
type Words = (typeof partsTexts)['ja'];

const tones: Record<Job['state'], Tone> = {
  queued: 'plain',
  running: 'busy',
  succeeded: 'good',
  failed: 'bad',
  cancelled: 'warn',
};

export function describeJobState({ state, held, cancelRequested }: Job, words: Words): { tone: Tone; text: string } {
  if (state === 'running' && cancelRequested) return { tone: 'warn', text: words.cancelling };
  if (held !== null && (state === 'queued' || state === 'running')) return { tone: 'warn', text: words[held] };
  return { tone: tones[state], text: words[state] };
}

/** A phase that a newer agent has is shown by its own name. */
export function describePhase(phase: string, words: Words): string {
  const known = Object.hasOwn(words, phase) ? words[phase as keyof Words] : undefined;
  return typeof known === 'string' ? known : phase;
}

/** Of the phase that runs now; null while its end is not known. */
type Moving = { readonly progress: { readonly bytesDone: number; readonly bytesTotal: number } | null };

export function shareOf(job: Moving): number | null {
  const { bytesDone = 0, bytesTotal = 0 } = job.progress ?? {};
  return bytesTotal > 0 ? Math.min(1, bytesDone / bytesTotal) : null;
}

/** Seconds until the phase ends at the speed of now; null when that says nothing. */
export function secondsLeft(job: Pick<Job, 'progress'>): number | null {
  const { bytesDone = 0, bytesTotal = 0, bytesPerSecond = 0 } = job.progress ?? {};
  return bytesTotal > 0 && bytesPerSecond > 0 ? (bytesTotal - bytesDone) / bytesPerSecond : null;
}

/** Seconds that it took, or takes until now; null before its start. */
export function secondsTaken({ startedAt, endedAt }: Pick<Job, 'startedAt' | 'endedAt'>, nowMs: number): number | null {
  if (startedAt === null) return null;
  return Math.max(0, ((endedAt === null ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)) / 1000);
}
