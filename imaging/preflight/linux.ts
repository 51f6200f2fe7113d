// What a Linux says of itself in its files below /etc: which it is, its domain, its bonds, and network names that are tied to this machine's cards.
import { type System, shorten, shortenAll } from '../manifest/system.ts';
import type { ReadFiles } from './file-content.ts';

type LinuxFacts = Omit<System, 'partition' | 'volume'>;
type Files = ReadonlyMap<string, string>;

/** Where a Linux says which it is; what has none of these is no root of one. */
export const releases = ['/etc/os-release', '/usr/lib/os-release', '/etc/redhat-release'] as const;
const hostNameFile = '/etc/hostname';
const interfaces = '/etc/network/interfaces';
const sssd = '/etc/sssd/sssd.conf';
const samba = '/etc/samba/smb.conf';

/** Folders of which the files with such names are read. */
const folders: readonly { readonly path: string; readonly names: RegExp }[] = [
  { path: '/etc/udev/rules.d', names: /^(7[0-6]-.*|.*net.*)\.rules$/ },
  { path: '/etc/systemd/network', names: /\.(link|netdev)$/ },
  { path: '/etc/sysconfig/network-scripts', names: /^ifcfg-/ },
  { path: '/etc/sysconfig/network', names: /^ifcfg-/ },
  { path: '/etc/netplan', names: /\.ya?ml$/ },
  { path: '/etc/network/interfaces.d', names: /./ },
  { path: '/etc/NetworkManager/system-connections', names: /./ },
];
const [maxFileBytes, maxFilesBytes] = [8192, 48 * 1024];

/** The Linux whose root `read` reads, or null when it is no root. @throws what `read` throws */
export async function findLinux(read: ReadFiles): Promise<LinuxFacts | null> {
  const fixed = [...releases, hostNameFile, interfaces, sssd, samba];
  const first = await read({ files: fixed, folders: folders.map(({ path }) => path) });
  if (!releases.some((file) => first.files.has(file))) return null;
  const wanted = folders.flatMap(({ path, names }) =>
    (first.folders.get(path) ?? [])
      .filter(({ name, sizeBytes }) => names.test(name) && sizeBytes <= maxFileBytes)
      .map(({ name, sizeBytes }) => ({ path: `${path}/${name}`, sizeBytes })),
  );
  let left = maxFilesBytes;
  const files = wanted.filter(({ sizeBytes }) => {
    left -= sizeBytes + 300;
    return left >= 0;
  });
  if (files.length === 0) return describeLinux(first.files);
  const second = await read({ files: files.map(({ path }) => path), folders: [] });
  return describeLinux(new Map([...first.files, ...second.files]));
}

/** The facts that are in `files`, by their paths; what of them is missing is not there. */
export function describeLinux(files: Files): LinuxFacts {
  const release = files.get(releases[0]) ?? files.get(releases[1]) ?? '';
  const domain = findDomain(files);
  return {
    kind: 'linux',
    name: shorten(readKey(release, 'PRETTY_NAME') ?? readKey(release, 'NAME') ?? files.get(releases[2]) ?? null),
    version: shorten(readKey(release, 'VERSION_ID')),
    hostName: shorten(files.get(hostNameFile)?.split('\n')[0] ?? null),
    inDomain: domain !== null,
    domain: shorten(domain || null),
    // A Samba can be one; its role stands in the same file as `security`.
    domainController: /^\s*server role\s*=.*domain controller/im.test(files.get(samba) ?? ''),
    bootDrivers: null,
    teams: shortenAll([...files].flatMap(([path, text]) => findTeams(path, text))),
    fixedNames: shortenAll([...files].filter(([path, text]) => namesCard(path, text)).map(([path]) => path)),
  };
}

/** The name of the domain, an empty text where it is not said, or null without one. */
function findDomain(files: Files): string | null {
  const daemon = files.get(sssd) ?? '';
  if (/^\s*(id_provider\s*=\s*(ad|ipa)|ad_domain\s*=.*)\s*$/m.test(daemon)) {
    return readKey(daemon, 'ad_domain') ?? readKey(daemon, 'ipa_domain') ?? readKey(daemon, 'domains') ?? '';
  }
  const server = files.get(samba) ?? '';
  const joined = /^\s*security\s*=\s*(ads|domain)\s*$/im.test(server) || /^\s*server role\s*=.*domain/im.test(server);
  return joined ? (readKey(server, 'realm') ?? readKey(server, 'workgroup') ?? '') : null;
}

/** Whether a file ties names or settings to the MAC address of a card. */
function namesCard(path: string, text: string): boolean {
  if (path.endsWith('.rules')) return /^[^#\n]*ATTR\{address\}==.*NAME=/m.test(text);
  if (path.endsWith('.link')) return /^\s*(Permanent)?MACAddress\s*=/m.test(text);
  if (path.includes('/ifcfg-')) return /^\s*HWADDR\s*=/m.test(text);
  if (path.startsWith('/etc/netplan/')) return /^\s*macaddress\s*:/m.test(withoutLinesAfter(text, /^\s*match\s*:/));
  if (path.includes('/NetworkManager/')) return /^\s*mac-address\s*=/m.test(text);
  return false;
}

/** The lines that are further in than a line that fits `head`, and the rest of that line. */
function withoutLinesAfter(text: string, head: RegExp): string {
  const kept: string[] = [];
  let margin = -1;
  for (const line of text.split('\n')) {
    const indent = line.search(/\S/);
    if (margin >= 0 && indent > margin) kept.push(line);
    else margin = head.test(line) ? indent : -1;
    // `match: {macaddress: …}`
    if (margin === indent) kept.push(...line.split(/[{,]/).slice(1));
  }
  return kept.join('\n');
}

function findTeams(path: string, text: string): string[] {
  if (path.endsWith('.netdev')) return /^\s*Kind\s*=\s*(bond|team)/m.test(text) ? [readKey(text, 'Name') ?? path] : [];
  if (path.includes('/ifcfg-')) {
    const isTeam = /^\s*(TYPE=["']?(Bond|Team)\b|BONDING_(OPTS|MASTER)=|DEVICETYPE=["']?Team\b|TEAM_CONFIG=)/im;
    return isTeam.test(text) ? [readKey(text, 'DEVICE') ?? path] : [];
  }
  if (path.startsWith('/etc/netplan/')) {
    return [...withoutLinesAfter(text, /^\s*bonds\s*:/).matchAll(/^\s*([\w.-]+)\s*:\s*$/gm)]
      .map(([, name = '']) => name)
      .filter((name) => !/^(interfaces|parameters|addresses|nameservers|routes|match)$/.test(name));
  }
  if (path.includes('/NetworkManager/')) {
    return /^\s*type\s*=\s*(bond|team)\s*$/m.test(text) ? [readKey(text, 'interface-name') ?? path] : [];
  }
  if (!path.startsWith(interfaces)) return [];
  const stanzas = text.split(/^(?=\s*iface\s)/m).filter((stanza) => /^\s*(bond-|slaves\s)/m.test(stanza));
  return stanzas.map((stanza) => /^\s*iface\s+(\S+)/.exec(stanza)?.[1] ?? path);
}

/** `KEY=value`, `key = value`, with or without quotes. */
function readKey(text: string, key: string): string | null {
  const [, value] = new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(.*?)[ \\t]*$`, 'm').exec(text) ?? [];
  return value?.replace(/^(["'])(.*)\1$/, '$2') || null;
}
