// How a client comes to trust a server: the CA certificate is fetched in the clear and believed only if its fingerprint is the one given.
import { createHash, X509Certificate } from 'node:crypto';
import { get } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { DeployError } from '../../protocol/errors.ts';

const maxCertificateBytes = 64 * 1024;

export type PinnedCa = {
  /** The one certificate trusted, PEM. */
  readonly ca: string;
  /** The server's clock as its answer's Date header says, milliseconds since 1970; null without one. */
  readonly serverTimeMs: number | null;
};

type FetchOptions = {
  readonly timeoutMs?: number;
  /** Connects from this address, for machines with several NICs. */
  readonly localAddress?: string | undefined;
  /** Finds the address of a server that is given by name; the system's way unless told. */
  readonly lookup?: LookupFunction | undefined;
  /** Makes the request larger by so many bytes, and asks for an answer that is, to see whether large packets pass. */
  readonly fillBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Fetches `/ca.pem` over plain HTTP from the port that `serverUrl` (https) names and compares the SHA-256 of its DER form with
 * `fingerprint` (`sha256:` and 64 hex digits).
 * @throws DeployError server-unreachable, server-error (no such page), server-untrusted (another certificate).
 */
export async function fetchPinnedCa(
  serverUrl: string,
  fingerprint: string,
  options: FetchOptions = {},
): Promise<PinnedCa> {
  const expected = parseFingerprint(fingerprint);
  const url = new URL('/ca.pem', serverUrl.replace(/^https:/, 'http:'));
  // An https URL without a port means 443, and the plain page is on that same port.
  if (url.port === '' && serverUrl.startsWith('https:')) url.port = '443';
  if (options.fillBytes !== undefined) url.searchParams.set('fill', String(options.fillBytes));
  const { body, date } = await fetchSmall(url, options);
  const certificate = parseCertificate(body, url);
  const actual = createHash('sha256').update(certificate.raw).digest('hex');
  if (actual !== expected) {
    throw new DeployError('server-untrusted', `${url} is not the expected CA: its fingerprint is sha256:${actual}`, {
      hint: `expected sha256:${expected}; either the server was set up anew, or this is another server`,
    });
  }
  const serverTimeMs = Date.parse(date ?? '');
  return { ca: certificate.toString(), serverTimeMs: Number.isNaN(serverTimeMs) ? null : serverTimeMs };
}

/** TLS options that trust certificates of that one CA, whatever name or address they carry (docs/protocol.md, "TLS"). */
export function pinnedTls(ca: string): Pick<ConnectionOptions, 'ca' | 'checkServerIdentity' | 'minVersion'> {
  return { ca, checkServerIdentity: () => undefined, minVersion: 'TLSv1.3' };
}

/** True for the errors by which OpenSSL says that a certificate is not to be trusted; trying again does not help. */
export function isCertificateError(thrown: unknown): boolean {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  return /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)/.test(
    code,
  );
}

function parseFingerprint(text: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/i.exec(text)?.[1];
  if (hex === undefined) {
    throw new DeployError(
      'invalid-input',
      `'${text}' is no CA fingerprint: sha256: and 64 hexadecimal digits are wanted`,
    );
  }
  return hex.toLowerCase();
}

function parseCertificate(body: Buffer, url: URL): X509Certificate {
  try {
    return new X509Certificate(body);
  } catch (cause) {
    throw new DeployError('server-untrusted', `${url} is no certificate`, { cause });
  }
}

function fetchSmall(
  url: URL,
  { timeoutMs = 10_000, localAddress, lookup, fillBytes, signal }: FetchOptions,
): Promise<{ body: Buffer; date: string | undefined }> {
  return new Promise((resolve, reject) => {
    let connected = false;
    const unreachable = (thrown: Error): void => {
      const cause = total.aborted ? timeOut(connected, timeoutMs, thrown) : thrown;
      reject(
        signal?.aborted === true
          ? new DeployError('cancelled', `fetching ${url}: stopped`, { cause })
          : new DeployError('server-unreachable', `fetching ${url}: ${cause.message}`, { cause }),
      );
    };
    const total = AbortSignal.timeout(timeoutMs);
    const request = get(
      url,
      {
        agent: false,
        signal: signal === undefined ? total : AbortSignal.any([signal, total]),
        ...(localAddress === undefined ? {} : { localAddress }),
        ...(lookup === undefined ? {} : { lookup }),
        ...(fillBytes === undefined ? {} : { headers: { fill: '.'.repeat(fillBytes) } }),
      },
      (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
          parts.push(part);
          if (length > maxCertificateBytes) response.destroy(new Error(`more than ${maxCertificateBytes} bytes`));
        });
        response.on('error', unreachable);
        response.on('end', () => {
          if (response.statusCode === 200) resolve({ body: Buffer.concat(parts), date: response.headers.date });
          else reject(new DeployError('server-error', `fetching ${url}: HTTP status ${response.statusCode}`));
        });
      },
    );
    request.on('socket', (socket) => {
      socket.once('connect', () => {
        connected = true;
      });
    });
    request.on('error', unreachable);
  });
}

/** Says how far it came, by code too: ETIMEDOUT without a connection (as the kernel's own), ESILENT with one. */
function timeOut(connected: boolean, timeoutMs: number, cause: Error): Error {
  const within = `within ${timeoutMs / 1000} s`;
  const message = connected ? `connected, but no answer ${within}` : `no connection ${within}`;
  return Object.assign(new Error(message, { cause }), { code: connected ? 'ESILENT' : 'ETIMEDOUT' });
}
