// Third stage: why the server does not answer through a NIC, in words that tell a person where to look.
import { type DeployError, toDeployError } from '../../protocol/errors.ts';

type Asked = { readonly address: string; readonly port: number };

/** What a fault of fetchPinnedCa means; a fault that has no words here says its own. */
export function faultWords(thrown: unknown, { address, port }: Asked): string {
  const error = toDeployError(thrown);
  if (error.code === 'server-untrusted') return untrustedWords(error, `${address} port ${port}`);
  if (error.code === 'server-error') return `another server answers at ${address} port ${port}: ${error.message}`;
  const code = codeOf(error.cause);
  switch (code) {
    case 'ECONNREFUSED':
      return `port ${port} of ${address} is closed: no server listens there, or a firewall refuses`;
    case 'ETIMEDOUT':
      return `no answer from port ${port} of ${address}: it is filtered by a firewall, or there is no way there`;
    case 'EHOSTUNREACH':
      return `${address} cannot be reached: no such machine in this network, or the gateway knows no way`;
    // What the routing table of a NIC without gateway says of all that is beyond its network (dhcp.ts).
    case 'EACCES':
    case 'ENETUNREACH':
      return `${address} is not in this network, and the network has no gateway`;
    case 'ESILENT':
      return `port ${port} of ${address} connects, but nothing comes: large packets may be lost on the way (MTU), or another service listens there`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `port ${port} of ${address} breaks the connection: another service listens there, or a firewall is between`;
    default:
      return code.startsWith('HPE_') ? `port ${port} of ${address} is no web server` : error.message;
  }
}

function untrustedWords({ message, hint }: DeployError, server: string): string {
  return `wrong CA at ${server}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}
