// Passwords at rest: Argon2id (RFC 9106) in the PHC string format, by Node's own implementation.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { DeployError } from '../../protocol/errors.ts';

const hash = promisify(argon2);

/** OWASP's password storage cheat sheet, first choice: 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const [saltLength, tagLength] = [16, 32];
const format =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** So many at once: each takes memory and a thread for some ten milliseconds. */
const maxRunning = 2;
const maxWaiting = 32;
let running = 0;
const waiting: (() => void)[] = [];

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltLength);
  const tag = await run({ ...cost, message: Buffer.from(password), nonce: salt, tagLength });
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}

/** Somebody's whom nobody knows: takes as long to be wrong. */
const nobody = `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** False, after as long, when there is no such hash (null, or empty). @throws DeployError too-many-requests when too many are asked at once */
export async function verifyPassword(stored: string | null, password: string): Promise<boolean> {
  const [, memory, passes, parallelism, salt = '', tag = ''] = format.exec(stored || nobody) ?? [];
  if (memory === undefined) return false;
  const wanted = Buffer.from(tag, 'base64');
  const made = await run({
    message: Buffer.from(password.normalize('NFC')),
    nonce: Buffer.from(salt, 'base64'),
    tagLength: wanted.length,
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
  });
  return timingSafeEqual(made, wanted) && Boolean(stored);
}

async function run(parameters: Parameters<typeof argon2>[1]): Promise<Buffer> {
  if (running >= maxRunning) {
    if (waiting.length >= maxWaiting) throw new DeployError('too-many-requests', 'too many passwords to check at once');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running++;
  try {
    return await hash('argon2id', parameters);
  } finally {
    running--;
    waiting.shift()?.();
  }
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
