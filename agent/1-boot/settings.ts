// First stage: by what a machine finds its server, setting by setting, from words on the command line or in the form.
import { isIPv4, isIPv6 } from 'node:net';
import { type AddressChoice, parseAddressChoice } from './address-choice.ts';

export type Settings = {
  /** `https://HOST:PORT` */
  readonly serverUrl: string;
  /** `sha256:` and 64 hex digits. */
  readonly caFingerprint: string;
  readonly ip: AddressChoice;
  /** 802.1Q tag of the network in which the server is found; null: untagged. */
  readonly vlan: number | null;
  /** The NIC to prefer, by MAC address (lower case, colons) or kernel name. */
  readonly preferredNic: string | null;
};

/** As they are called on the command line (`deploy.server`) and in deploy-os.conf. */
export const settingNames = ['server', 'ca', 'ip', 'vlan', 'nic'] as const;
export type SettingName = (typeof settingNames)[number];

/** The word for each; empty where there is none. */
export type SettingWords = Readonly<Record<SettingName, string>>;

/** What is wrong with each that is wrong, in the order of `settingNames`. */
export type SettingFaults = Readonly<Partial<Record<SettingName, string>>>;

type Fault = { readonly fault: string };

/** Takes back a VLAN or a NIC that was set before: of a word given twice the last counts. */
export const noneWord = 'none';

/** `settings` is null if there are faults. */
export function readSettings(words: SettingWords): { settings: Settings | null; faults: SettingFaults } {
  const server = parseServerUrl(words.server);
  const ca = parseFingerprint(words.ca);
  const ip = parseIp(words.ip === '' ? 'dhcp' : words.ip, isFault(server) ? null : server);
  const vlan = parseVlan(words.vlan);
  const nic = parseNic(words.nic);
  if (isFault(server) || isFault(ca) || isFault(ip) || isFault(vlan) || isFault(nic)) {
    const found = Object.entries({ server, ca, ip, vlan, nic }).filter(([, read]) => isFault(read));
    return { settings: null, faults: Object.fromEntries(found.map(([name, read]) => [name, (read as Fault).fault])) };
  }
  return { settings: { serverUrl: server, caFingerprint: ca, ip, vlan, preferredNic: nic }, faults: {} };
}

function isFault(read: unknown): read is Fault {
  return typeof read === 'object' && read !== null && 'fault' in read;
}

function parseServerUrl(text: string): string | Fault {
  const wanted = { fault: 'https://HOST:PORT or HOST:PORT is wanted' };
  const bare = text.replace(/^https?:\/\//, '');
  if (!/^[^/?#@\\]+\/?$/.test(bare)) return wanted;
  try {
    const url = new URL(`https://${bare}`);
    return url.origin;
  } catch {
    return wanted;
  }
}

function parseFingerprint(text: string): string | Fault {
  if (/^sha256:[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  return { fault: 'sha256: and 64 hexadecimal digits are wanted' };
}

function parseIp(text: string, serverUrl: string | null): AddressChoice | Fault {
  const choice = parseAddressChoice(text);
  if (typeof choice === 'string') return { fault: choice };
  const fault = serverUrl === null ? null : kindFault(choice, serverUrl);
  return fault === null ? choice : { fault };
}

/** Between IPv4 and IPv6 there is no way. */
function kindFault(choice: AddressChoice, serverUrl: string): string | null {
  const server = new URL(serverUrl).hostname.replace(/^\[(.*)\]$/, '$1');
  if (choice.kind === 'dhcp' || (isIPv4(choice.address) ? !isIPv6(server) : !isIPv4(server))) return null;
  return `from '${choice.address}' there is no way to the server '${server}', of the other kind`;
}

function parseVlan(text: string): number | null | Fault {
  if (text === '' || text === noneWord) return null;
  const id = Number(text);
  // 0 and 4095 are reserved (IEEE 802.1Q, 9.6).
  if (/^\d{1,4}$/.test(text) && id >= 1 && id <= 4094) return id;
  return { fault: 'the number of a VLAN is wanted, 1 to 4094' };
}

function parseNic(text: string): string | null | Fault {
  if (text === '' || text === noneWord) return null;
  const nic = macOf(text) ?? text;
  // What the kernel takes for a name (dev_valid_name, net/core/dev.c).
  if (/^[^\s/:]{1,15}$/.test(nic) || macOf(text) !== undefined) return nic;
  return { fault: 'a MAC address (52:54:00:12:34:56) or the name of a NIC (eth0) is wanted' };
}

export function macOf(text: string): string | undefined {
  const mac = text.toLowerCase().replaceAll('-', ':');
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) ? mac : undefined;
}
