// Third stage: why the server does not answer through a NIC, in words that tell a person where to look.
import { type DeployError, toDeployError } from '../../protocol/errors.ts';
import { type Say, verbatim } from '../screen/words/words.ts';
import { NameFault } from './resolve-name.ts';

type Asked = { readonly address: string; readonly port: number };

/** What a fault of fetchPinnedCa means; a fault that has no words here says its own. */
export function faultWords(thrown: unknown, { address, port }: Asked): Say {
  if (thrown instanceof NameFault) return thrown.say;
  const error = toDeployError(thrown);
  if (error.code === 'server-untrusted') return ({ fault }) => fault.wrongCa(fault.at(address, port), inFull(error));
  if (error.code === 'server-error') return ({ fault }) => fault.otherServer(fault.at(address, port), error.message);
  const code = codeOf(error.cause);
  switch (code) {
    case 'ECONNREFUSED':
      return ({ fault }) => fault.closed(address, port);
    case 'ETIMEDOUT':
      return ({ fault }) => fault.filtered(address, port);
    case 'EHOSTUNREACH':
      return ({ fault }) => fault.unreachable(address);
    // What the routing table of a NIC without gateway says of all that is beyond its network (dhcp.ts).
    case 'EACCES':
    case 'ENETUNREACH':
      return ({ fault }) => fault.noGateway(address);
    case 'ESILENT':
      return ({ fault }) => fault.silent(address, port);
    case 'ECONNRESET':
    case 'EPIPE':
      return ({ fault }) => fault.reset(address, port);
    default:
      return code.startsWith('HPE_') ? ({ fault }) => fault.noWebServer(address, port) : verbatim(error.message);
  }
}

function inFull({ message, hint }: DeployError): string {
  return `${message}${hint === undefined ? '' : ` (${hint})`}`;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}
