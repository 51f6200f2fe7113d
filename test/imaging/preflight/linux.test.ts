import { expect, test } from 'vitest';
import { describeLinux } from '../../../imaging/preflight/linux.ts';

const release = { '/etc/os-release': 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n' };
const read = (files: Record<string, string>) => describeLinux(new Map(Object.entries({ ...release, ...files })));

test('a Linux is named by its release file, wherever that lies, and by its host name', () => {
  const facts = { kind: 'linux', name: 'Debian GNU/Linux 12 (bookworm)', version: '12', hostName: 'web-01' };
  expect(read({ '/etc/hostname': 'web-01\n' })).toEqual({
    ...{ ...facts, inDomain: false, domain: null, domainController: false },
    ...{ bootDrivers: null, teams: [], fixedNames: [] },
  });
  const usr = new Map([['/usr/lib/os-release', "PRETTY_NAME='openSUSE Leap 15.6'\n"]]);
  expect(describeLinux(usr)).toMatchObject({ name: 'openSUSE Leap 15.6', version: null, hostName: null });
  const old = new Map([['/etc/redhat-release', 'CentOS release 5.11 (Final)\n']]);
  expect(describeLinux(old)).toMatchObject({ name: 'CentOS release 5.11 (Final)' });
});

test.for([
  [
    '/etc/udev/rules.d/70-persistent-net.rules',
    'SUBSYSTEM=="net", ACTION=="add", DRIVERS=="?*", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
  ],
  ['/etc/systemd/network/10-lan.link', '[Match]\nMACAddress=52:54:00:12:34:56\n[Link]\nName=lan0\n'],
  ['/etc/sysconfig/network-scripts/ifcfg-eth0', 'DEVICE=eth0\nHWADDR=52:54:00:12:34:56\n'],
  [
    '/etc/netplan/50-cloud-init.yaml',
    'network:\n  ethernets:\n    ens3:\n      match:\n        macaddress: "52:54:00:12:34:56"\n      set-name: ens3\n',
  ],
  ['/etc/netplan/01.yaml', 'network:\n  ethernets:\n    a:\n      match: {macaddress: 52:54:00:12:34:56}\n'],
  ['/etc/NetworkManager/system-connections/lan.nmconnection', '[ethernet]\nmac-address=52:54:00:12:34:56\n'],
] as const)('%s ties a name to a card', ([path, text]) => {
  expect(read({ [path]: text }).fixedNames).toEqual([path]);
});

test.for([
  ['/etc/udev/rules.d/70-persistent-net.rules', '# ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n'],
  ['/etc/systemd/network/99-default.link', '[Match]\nOriginalName=*\n'],
  [
    '/etc/netplan/01.yaml',
    'network:\n  ethernets:\n    ens3:\n      macaddress: 52:54:00:12:34:56\n      dhcp4: true\n',
  ],
  ['/etc/sysconfig/network-scripts/ifcfg-eth0', 'DEVICE=eth0\n#HWADDR=52:54:00:12:34:56\n'],
] as const)('%s with nothing of the kind does not', ([path, text]) => {
  expect(read({ [path]: text }).fixedNames).toEqual([]);
});

test.for([
  ['/etc/systemd/network/25-bond.netdev', '[NetDev]\nName=bond1\nKind=bond\n', ['bond1']],
  ['/etc/sysconfig/network-scripts/ifcfg-bond0', 'DEVICE=bond0\nBONDING_OPTS="mode=1"\n', ['bond0']],
  ['/etc/sysconfig/network-scripts/ifcfg-team0', 'DEVICE="team0"\nDEVICETYPE="Team"\n', ['team0']],
  ['/etc/sysconfig/network/ifcfg-bond0', "BONDING_MASTER='yes'\n", ['/etc/sysconfig/network/ifcfg-bond0']],
  [
    '/etc/network/interfaces',
    'auto eth0\niface eth0 inet dhcp\n\nauto bond0\niface bond0 inet static\n  bond-slaves eth1 eth2\n',
    ['bond0'],
  ],
  [
    '/etc/netplan/01.yaml',
    'network:\n  version: 2\n  bonds:\n    bond0:\n      interfaces: [a, b]\n      parameters:\n        mode: 802.3ad\n  vlans:\n    v7:\n      id: 7\n',
    ['bond0'],
  ],
  ['/etc/NetworkManager/system-connections/b', '[connection]\ntype=bond\ninterface-name=bond0\n', ['bond0']],
  ['/etc/network/interfaces', 'auto eth0\niface eth0 inet dhcp\n', []],
] as const)('bonds of %s', ([path, text, teams]) => {
  expect(read({ [path]: text }).teams).toEqual(teams);
});

test.for([
  ['/etc/sssd/sssd.conf', '[domain/corp]\nid_provider = ad\nad_domain = corp.example\n', 'corp.example'],
  ['/etc/samba/smb.conf', '[global]\n  security = ADS\n  realm = CORP.EXAMPLE\n', 'CORP.EXAMPLE'],
] as const)('%s makes it a member of a domain', ([path, text, domain]) => {
  expect(read({ [path]: text })).toMatchObject({ inDomain: true, domain, domainController: false });
});

test('a file server of its own is no member; a Samba domain controller is one', () => {
  const path = '/etc/samba/smb.conf';
  expect(read({ [path]: '[global]\n  security = user\n  workgroup = HOME\n' })).toMatchObject({ inDomain: false });
  const controller = '[global]\n  server role = active directory domain controller\n  realm = A.EXAMPLE\n';
  expect(read({ [path]: controller })).toMatchObject({ inDomain: true, domain: 'A.EXAMPLE', domainController: true });
});

test('words that are too long or would steer a terminal are cut', () => {
  const { name, hostName } = read({ '/etc/os-release': `NAME=${'x'.repeat(5000)}\n`, '/etc/hostname': 'a\x1b[2Jb\n' });
  expect(name).toHaveLength(256);
  expect(hostName).toBe('a [2Jb');
});
