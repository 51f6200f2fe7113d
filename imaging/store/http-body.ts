// Bodies of HTTP requests and answers, for the transports below the HTTP store and the S3 store: sent in parts, received with a bound.
import type { ClientRequest, IncomingMessage } from 'node:http';
import { DeployError } from '../../protocol/errors.ts';

/** Writes the parts and ends the request. */
export function sendBody(request: ClientRequest, parts: readonly Uint8Array[]): void {
  // Corked, small parts (record headers) leave in one piece with the chunk that follows instead of as TLS records of their own.
  request.cork();
  for (const part of parts) request.write(part);
  request.end();
  request.uncork();
}

/**
 * The whole body; in one allocation when its length is announced, as those of chunks are. `what` is its name in an error.
 * @throws DeployError too-large beyond `limit`; an Error when the connection ends early
 */
export function collectBody(message: IncomingMessage, limit: number, what = "the server's answer"): Promise<Buffer> {
  const announced = Number(message.headers['content-length'] ?? Number.NaN);
  return new Promise((resolve, reject) => {
    const tooLarge = (): void => reject(new DeployError('too-large', `${what} is longer than ${limit} bytes`));
    if (announced > limit) return tooLarge();
    const whole = Number.isSafeInteger(announced) ? Buffer.allocUnsafe(announced) : undefined;
    const parts: Buffer[] = [];
    let length = 0;
    message.on('data', (part: Buffer) => {
      if (length + part.length > limit) return tooLarge();
      if (whole !== undefined) {
        part.copy(whole, length);
        // The parser is done with a part when the next has come.
        freeRecord(parts.pop());
      }
      parts.push(part);
      length += part.length;
    });
    message.on('error', reject);
    message.on('end', () => {
      if (!message.complete) reject(new Error(`${what} ended early`));
      else resolve(whole ?? Buffer.concat(parts));
    });
  });
}

/**
 * Gives `onLine` each line that is not empty, without its end.
 * @throws DeployError too-large beyond `limit` bytes a line; an Error when the connection ends early
 */
export async function readLines(
  response: IncomingMessage,
  limit: number,
  onLine: (line: string) => void,
): Promise<void> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = part.indexOf(0x0a); end >= 0; end = part.indexOf(0x0a, from)) {
      const line = Buffer.concat([...parts, part.subarray(from, end)]).toString();
      if (line !== '') onLine(line);
      parts = [];
      length = 0;
      from = end + 1;
    }
    parts.push(part.subarray(from));
    length += part.length - from;
    if (length > limit)
      throw new DeployError('too-large', `a line of the server's answer is longer than ${limit} bytes`);
  }
  if (!response.complete) throw new Error('the answer ended early');
}

/** A part that is a TLS record of its own, 16 KiB: left to the garbage collector, they pile up to tens of MiB in a small machine. */
function freeRecord(part: Buffer | undefined): void {
  if (part === undefined || part.byteLength !== part.buffer.byteLength) return;
  (part.buffer as ArrayBuffer).transfer(0);
}
