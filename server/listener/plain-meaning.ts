// What a request asks of whom is said once and in one way, so that a proxy in front and this server cannot read it differently.
import type { IncomingMessage } from 'node:http';

/** A target of this server (RFC 9112, 3.2.1), not another's address; and one `Host` at most (3.2), of which Node.js sees to it that there is one. */
export function hasOneMeaning({ url, rawHeaders }: Pick<IncomingMessage, 'url' | 'rawHeaders'>): boolean {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
  return url?.startsWith('/') === true && hosts.length <= 1;
}
