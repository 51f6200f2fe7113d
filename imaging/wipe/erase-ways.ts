// The ways in which a disk erases itself, strongest first, and which of them a wipe takes: the agent and the server's dry run choose by this.
import { DeployError } from '../../protocol/errors.ts';

/**
 * Strongest first: what reaches every block goes before what throws away a key, which is as good as the disk's cipher and the care for its
 * keys; and Sanitize, which cannot be stopped half done, goes before the older commands. A disk may answer a format's erase of user data by
 * forgetting where they are: its cryptographic one goes before it.
 */
export const eraseWays = [
  ...['sanitize-block', 'sanitize-overwrite', 'sanitize-crypto'],
  ...['secure-erase-enhanced', 'secure-erase-normal', 'format-crypto', 'format-user-data'],
] as const;
export type EraseWay = (typeof eraseWays)[number];

/** `auto`: the strongest way that the disk has, or an overwrite. The others are done, or refused. */
export const wipeMethods = ['auto', 'sanitize', 'crypto-erase', 'secure-erase', 'overwrite', 'discard'] as const;
export type WipeMethod = (typeof wipeMethods)[number];

/** The ways that a disk has; and why others that it has cannot be used now, in words. A newer agent may know more ways than these. */
export type EraseOffer = { readonly ways: readonly string[]; readonly hindrances: readonly string[] };

const waysOf: Readonly<Record<WipeMethod, readonly EraseWay[]>> = {
  auto: eraseWays,
  sanitize: ['sanitize-block', 'sanitize-overwrite', 'sanitize-crypto', 'format-crypto', 'format-user-data'],
  'crypto-erase': ['sanitize-crypto', 'format-crypto'],
  'secure-erase': ['secure-erase-enhanced', 'secure-erase-normal'],
  overwrite: [],
  discard: [],
};

const names: Readonly<Record<EraseWay, string>> = {
  'sanitize-block': 'Sanitize (block erase)',
  'sanitize-overwrite': 'Sanitize (overwrite)',
  'sanitize-crypto': 'Sanitize (cryptographic erase)',
  'secure-erase-enhanced': 'Secure Erase (enhanced)',
  'secure-erase-normal': 'Secure Erase (normal)',
  'format-crypto': 'Format (cryptographic erase)',
  'format-user-data': 'Format (user data erase)',
};

/** `Sanitize (block erase)` */
export function nameEraseWay(way: string): string {
  return names[way as EraseWay] ?? way;
}

/** Whether the method has the disk erase itself, if it can. */
export function erasesItself(method: WipeMethod): boolean {
  return waysOf[method].length > 0;
}

/**
 * The strongest of the offered ways that the method allows; null for what is done from outside: `overwrite`, `discard`, and `auto` for a disk without a way.
 * @throws DeployError wipe-unsupported
 */
export function chooseEraseWay(method: WipeMethod, { ways, hindrances }: EraseOffer, label: string): EraseWay | null {
  const way = waysOf[method].find((one) => ways.includes(one));
  if (way !== undefined) return way;
  if (method === 'auto' || !erasesItself(method)) return null;
  const has = ways.length === 0 ? '' : `; it has ${ways.map(nameEraseWay).join(', ')}`;
  const why = hindrances.length === 0 ? '' : `: ${hindrances.join('; ')}`;
  throw new DeployError('wipe-unsupported', `${label} cannot erase itself by ${method}${why}${has}`, {
    hint: 'Choose another method; auto takes the strongest that the disk has.',
  });
}
