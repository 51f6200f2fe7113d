// A TLS connection to a BMC that is believed before the first byte of a request is sent: most BMCs have a certificate that nobody signed.
import { createHash } from 'node:crypto';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { DeployError } from '../../../protocol/errors.ts';

export type Trust = {
  /** `sha256:…` of the certificate itself; nothing else is looked at then. */
  readonly certificate?: string | undefined;
  /** PEM; without either, what the system believes. */
  readonly ca?: string | undefined;
};

/** @throws DeployError power-failed when nobody answers, or somebody who is not to be believed. */
export async function openPinnedSocket(origin: URL, trust: Trust, signal: AbortSignal): Promise<Socket | TLSSocket> {
  const host = origin.hostname.replace(/^\[|\]$/g, '');
  const secure = origin.protocol === 'https:';
  const port = Number(origin.port || (secure ? 443 : 80));
  const socket = secure
    ? connectTls({
        ...{ host, port, minVersion: 'TLSv1.2' as const, rejectUnauthorized: trust.certificate === undefined },
        ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
        ...(trust.ca === undefined ? {} : { ca: trust.ca }),
      })
    : connectPlain({ host, port });
  try {
    await opened(socket, secure ? 'secureConnect' : 'connect', signal);
    if (secure && trust.certificate !== undefined) requireCertificate(socket as TLSSocket, trust.certificate, origin);
    return socket;
  } catch (thrown) {
    socket.destroy();
    if (thrown instanceof DeployError) throw thrown;
    throw new DeployError('power-failed', `the BMC ${origin.origin}: ${(thrown as Error).message}`, {
      cause: thrown,
      hint: 'Is the address right and Redfish on? Of a certificate that nobody has signed, give the fingerprint.',
    });
  }
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

function requireCertificate(socket: TLSSocket, expected: string, origin: URL): void {
  const certificate = socket.getPeerX509Certificate();
  const hex = certificate === undefined ? null : createHash('sha256').update(certificate.raw).digest('hex');
  if (`sha256:${hex}` === expected) return;
  throw new DeployError('power-failed', `the BMC ${origin.origin} has another certificate: sha256:${hex}`, {
    hint: `Expected is ${expected}. Nothing was sent to it. Compare with what the BMC itself shows before you change the setting.`,
  });
}
