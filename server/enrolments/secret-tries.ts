// How often an address may come with a wrong secret: secrets cannot be guessed anyway, but the log and the database shall have peace.
import { WrongTries } from '../wrong-tries.ts';

/** By address: ten, and then one a minute. */
export function countWrongSecrets(): WrongTries {
  return new WrongTries({ free: 10, firstPauseMs: 60_000, longestPauseMs: 60_000 });
}
