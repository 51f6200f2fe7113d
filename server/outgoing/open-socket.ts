// A connection to somebody whom the server asks: to a checked address, and with TLS believed before the first byte of a request is sent.
import { createHash } from 'node:crypto';
import { connect as connectPlain, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { DeployError } from '../../protocol/errors.ts';
import type { OutgoingAddresses } from './addresses.ts';

export type Trust = {
  /** `sha256:…` of the certificate itself; nothing else is looked at then. */
  readonly certificate?: string | undefined;
  /** PEM; without either, what the system believes. */
  readonly ca?: string | undefined;
};

export type Peer = {
  readonly addresses: OutgoingAddresses;
  readonly trust?: Trust;
  /** Whoever started the server has named this host. */
  readonly trusted?: boolean;
};

/** @throws DeployError address-refused; server-untrusted, with the fingerprint of what was shown, for a certificate that `trust` does not cover; any other Error when nobody answers */
export async function openSocket(
  { protocol, hostname, port: given }: URL,
  { addresses, trust = {}, trusted = false }: Peer,
  signal: AbortSignal,
): Promise<Socket> {
  const secure = protocol === 'https:';
  const port = Number(given || (secure ? 443 : 80));
  const host = hostname.replace(/^\[|\]$/g, '');
  const found = await addresses.find(host, port, { trusted });
  const where = { host, port, lookup: answering(found) };
  const socket = secure
    ? connectTls({
        // What OpenSSL finds is looked at below, while the certificate can still be read.
        ...{ ...where, minVersion: 'TLSv1.2' as const, rejectUnauthorized: false },
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(trust.ca === undefined ? {} : { ca: trust.ca }),
      })
    : connectPlain(where);
  try {
    await opened(socket, secure ? 'secureConnect' : 'connect', signal);
    if (secure) requireTrust(socket as TLSSocket, trust.certificate);
    return socket;
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  }
}

/** The name is not looked up again: what it says now is what was checked. */
function answering(addresses: readonly [string, ...string[]]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    if (options.all === true) callback(null, all);
    else callback(null, addresses[0], isIP(addresses[0]));
  };
}

function opened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error('no connection in time'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once(event, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}

/** Before anything is sent. `pinned`: that certificate and no other; without it, whatever the chain and the name say (`authorized`). */
function requireTrust(socket: TLSSocket, pinned: string | undefined): void {
  const certificate = socket.getPeerX509Certificate();
  const hex = certificate === undefined ? null : createHash('sha256').update(certificate.raw).digest('hex');
  const shown = `sha256:${hex}`;
  if (pinned === undefined) {
    if (socket.authorized) return;
    throw new DeployError('server-untrusted', `its certificate ${shown} is not trusted: ${socket.authorizationError}`);
  }
  if (shown === pinned) return;
  throw new DeployError('server-untrusted', `it has another certificate: ${shown}`, {
    hint: `Expected is ${pinned}. Nothing was sent to it. Compare with what it shows itself before you change the setting.`,
  });
}
