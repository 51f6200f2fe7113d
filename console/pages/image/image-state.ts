// What is known of an image, as one word with a colour: the worst first.
import type { ImageCheck, ImageHealth } from '../../../protocol/image-check.ts';

/** In the order of how much they want to be looked at. */
const order = ['damaged', 'unproved', 'unread', 'sealedVerified', 'verified', 'proved'] as const;
export type ImageStateName = (typeof order)[number];
type ImageState = {
  readonly name: ImageStateName;
  readonly tone: '' | 'good' | 'warn' | 'bad';
  readonly at: string | null;
};

/** `keyId`: of an encrypted image, of which the server verifies no more than what is sealed. */
type Known = { readonly health: ImageHealth; readonly keyId?: string | null };

export function stateOf({ health: { verify, prove }, keyId = null }: Known): ImageState {
  if (verify?.outcome === 'failed') return { name: 'damaged', tone: 'bad', at: verify.at };
  if (prove?.code === 'proof-failed') return { name: 'unproved', tone: 'warn', at: prove.at };
  if (prove?.outcome === 'passed') return { name: 'proved', tone: 'good', at: prove.at };
  if (verify === null) return { name: 'unread', tone: '', at: null };
  return { name: keyId === null ? 'verified' : 'sealedVerified', tone: 'good', at: verify.at };
}

export function rankOf(image: Known): number {
  return order.indexOf(stateOf(image).name);
}

export const isOpen = ({ endedAt }: Pick<ImageCheck, 'endedAt'>): boolean => endedAt === null;

export const toneOf = ({ state }: Pick<ImageCheck, 'state'>): string =>
  ({ passed: 'good', failed: 'bad', error: 'warn', interrupted: 'warn', running: 'busy', queued: '', cancelled: '' })[
    state
  ];
