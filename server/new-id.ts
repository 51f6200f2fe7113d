// Ids of machines, scenarios and jobs: short, safe in URLs and shells, and in order of their making.
import { randomInt } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
let lastMs = 0;

/** Nine characters of time (ms, strictly rising within a process) and seven random ones (35 bits). */
export function newId(nowMs: number = Date.now()): string {
  lastMs = Math.max(nowMs, lastMs + 1);
  return encode(lastMs, 9) + encode(randomInt(2 ** 35), 7);
}

function encode(value: number, digits: number): string {
  let text = '';
  for (let rest = value; text.length < digits; rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text;
  return text;
}
