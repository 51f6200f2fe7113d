// First stage: what the kernel command line tells the agent (docs/agent.md lists the words).
import { isIPv4, isIPv6 } from 'node:net';
import { DeployError } from '../../protocol/errors.ts';
import { type AddressChoice, parseAddressChoice } from './address-choice.ts';

export type CommandLine = {
  /** `https://HOST:PORT` */
  readonly serverUrl: string;
  /** `sha256:` and 64 hex digits. */
  readonly caFingerprint: string;
  /** Of this boot, from the server's boot script; null where the machine did not boot by one: then it is asked for. */
  readonly token: string | null;
  readonly ip: AddressChoice;
  /** 802.1Q tag of the network in which the server is found; null: untagged. */
  readonly vlan: number | null;
  /** The NIC to prefer, by MAC address (lower case, colons) or kernel name. */
  readonly preferredNic: string | null;
  /** MAC address of the NIC that the firmware booted from (BOOTIF). */
  readonly bootMac: string | null;
  readonly progressMs: number;
};

/** @throws DeployError usage, naming the word that is missing or wrong. */
export function parseCommandLine(text: string): CommandLine {
  const words = readWords(text);
  const serverUrl = parseServerUrl(required(words, 'deploy.server'));
  return {
    serverUrl,
    caFingerprint: parseFingerprint(required(words, 'deploy.ca')),
    token: parseToken(words.get('deploy.token') ?? null),
    ip: parseIp(words.get('deploy.ip') ?? 'dhcp', serverUrl),
    vlan: parseVlan(words.get('deploy.vlan') ?? null),
    preferredNic: parseNic(words.get('deploy.nic') ?? null),
    bootMac: parseBootIf(words.get('BOOTIF') ?? null),
    progressMs: parseSeconds(words.get('deploy.progress') ?? '5') * 1000,
  };
}

/** Words as the kernel splits them: at white space, double quotes hold a word together; of a word given twice the last counts. */
function readWords(text: string): Map<string, string> {
  const words = new Map<string, string>();
  for (const [word] of text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)) {
    const plain = word.replaceAll('"', '');
    const equals = plain.indexOf('=');
    if (equals > 0) words.set(plain.slice(0, equals), plain.slice(equals + 1));
  }
  return words;
}

function required(words: Map<string, string>, name: string): string {
  const value = words.get(name);
  if (value !== undefined && value !== '') return value;
  throw new DeployError('usage', `the kernel command line lacks ${name}=`, {
    hint: 'Boot through the server, whose boot script gives it, or from a medium that was made for a server.',
  });
}

function wrong(name: string, value: string, why: string): DeployError {
  return new DeployError('usage', `kernel command line: ${name}=${value.slice(0, 200)}: ${why}`);
}

function parseServerUrl(text: string): string {
  const wanted = 'https://HOST:PORT or HOST:PORT is wanted';
  const bare = text.replace(/^https?:\/\//, '');
  if (!/^[^/?#@\\]+\/?$/.test(bare)) throw wrong('deploy.server', text, wanted);
  try {
    const url = new URL(`https://${bare}`);
    return url.origin;
  } catch {
    throw wrong('deploy.server', text, wanted);
  }
}

function parseFingerprint(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw wrong('deploy.ca', text, 'sha256: and 64 hexadecimal digits are wanted');
}

function parseToken(text: string | null): string | null {
  if (text === null || text === '') return null;
  // What RFC 6750 allows in a bearer token; anything else would break the header it travels in.
  if (/^[A-Za-z0-9._~+/=-]{1,512}$/.test(text)) return text;
  throw new DeployError('usage', 'kernel command line: deploy.token= holds a character no token has, or is too long');
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds >= 0.2 && seconds <= 3600) return seconds;
  throw wrong('deploy.progress', text, 'seconds from 0.2 to 3600 are wanted');
}

function parseIp(text: string, serverUrl: string): AddressChoice {
  const choice = parseAddressChoice(text);
  if (typeof choice === 'string') throw wrong('deploy.ip', text, choice);
  const server = new URL(serverUrl).hostname.replace(/^\[(.*)\]$/, '$1');
  if (choice.kind === 'static' && (isIPv4(choice.address) ? isIPv6(server) : isIPv4(server))) {
    throw wrong(
      'deploy.ip',
      text,
      `from '${choice.address}' there is no way to the server '${server}', of the other kind`,
    );
  }
  return choice;
}

function parseVlan(text: string | null): number | null {
  if (text === null || text === '') return null;
  const id = Number(text);
  // 0 and 4095 are reserved (IEEE 802.1Q, 9.6).
  if (/^\d{1,4}$/.test(text) && id >= 1 && id <= 4094) return id;
  throw wrong('deploy.vlan', text, 'the number of a VLAN is wanted, 1 to 4094');
}

function parseNic(text: string | null): string | null {
  if (text === null || text === '') return null;
  const nic = macOf(text) ?? text;
  // What the kernel takes for a name (dev_valid_name, net/core/dev.c).
  if (/^[^\s/:]{1,15}$/.test(nic) || macOf(text) !== undefined) return nic;
  throw wrong('deploy.nic', text, 'a MAC address (52:54:00:12:34:56) or the name of a NIC (eth0) is wanted');
}

/** PXELINUX and iPXE write the hardware type (01, Ethernet) in front of the address. A BOOTIF that is none is no reason not to boot. */
function parseBootIf(text: string | null): string | null {
  return text === null ? null : (macOf(text.replace(/^01[-:](?=(..[-:]){5}..$)/, '')) ?? null);
}

function macOf(text: string): string | undefined {
  const mac = text.toLowerCase().replaceAll('-', ':');
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) ? mac : undefined;
}
