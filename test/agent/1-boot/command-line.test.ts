import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddressChoice } from '../../../agent/1-boot/address-choice.ts';
import { parseCommandLine } from '../../../agent/1-boot/command-line.ts';
import { DeployError } from '../../../protocol/errors.ts';

const ca = `sha256:${'0a'.repeat(32)}`;
const needed = `deploy.server=https://10.0.0.1:7433 deploy.ca=${ca} deploy.token=dbt_abc-DEF`;

function failureOf(text: string): DeployError {
  try {
    parseCommandLine(text);
  } catch (thrown) {
    if (thrown instanceof DeployError) return thrown;
    throw thrown;
  }
  throw new Error(`'${text}' was accepted`);
}

describe('what it accepts', () => {
  it('reads what the boot script writes, among words of the kernel', () => {
    const text = `BOOT_IMAGE=vmlinuz quiet console=ttyS0,115200 ${needed} deploy.ip=dhcp deploy.progress=2 BOOTIF=01-52-54-00-AB-cd-ef\n`;
    expect(parseCommandLine(text)).toEqual({
      serverUrl: 'https://10.0.0.1:7433',
      caFingerprint: ca,
      token: 'dbt_abc-DEF',
      secret: null,
      ip: { kind: 'dhcp' },
      vlan: null,
      preferredNic: null,
      bond: null,
      bootMac: '52:54:00:ab:cd:ef',
      language: 'en',
      progressMs: 2000,
      watchdogSeconds: 120,
    });
  });

  const servers = {
    '10.0.0.1:7433': 'https://10.0.0.1:7433',
    'http://10.0.0.1:7433/': 'https://10.0.0.1:7433',
    'deploy.example:81': 'https://deploy.example:81',
    'https://[fd00::1]:7433': 'https://[fd00::1]:7433',
    'deploy.example': 'https://deploy.example',
  };
  for (const [given, url] of Object.entries(servers)) {
    it(`takes deploy.server=${given} for ${url}`, () => {
      expect(parseCommandLine(`${needed} deploy.server=${given}`).serverUrl).toBe(url);
    });
  }

  it('takes a NIC by MAC address in any spelling, or by name', () => {
    expect(parseCommandLine(`${needed} deploy.nic=52-54-00-AA-BB-CC`).preferredNic).toBe('52:54:00:aa:bb:cc');
    expect(parseCommandLine(`${needed} deploy.nic=enp3s0`).preferredNic).toBe('enp3s0');
  });

  it('takes an address that is given, with gateway and DNS servers or without', () => {
    const ipOf = (ip: string, server = '10.0.0.1:7433') =>
      parseCommandLine(`${needed} deploy.server=${server} deploy.ip=${ip}`).ip;
    const plain = { kind: 'static', address: '10.0.0.5', prefixLength: 24, gateway: null, dns: [] };
    expect(ipOf('10.0.0.5/24')).toEqual(plain);
    expect(ipOf('10.0.0.5/24,10.0.0.1')).toEqual({ ...plain, gateway: '10.0.0.1' });
    expect(ipOf('10.0.0.5/24,,10.9.9.9,fd00::53')).toEqual({ ...plain, dns: ['10.9.9.9', 'fd00::53'] });
    expect(ipOf('192.0.2.0/31,192.0.2.1')).toEqual({
      ...plain,
      address: '192.0.2.0',
      prefixLength: 31,
      gateway: '192.0.2.1',
    });
    expect(ipOf('FD00:0:0::5/64,fe80::1', '[fd00::1]:7433')).toEqual({
      ...plain,
      address: 'fd00::5',
      prefixLength: 64,
      gateway: 'fe80::1',
    });
  });

  it('takes the number of a VLAN', () => {
    expect(parseCommandLine(`${needed} deploy.vlan=4094`).vlan).toBe(4094);
    expect(parseCommandLine(`${needed} deploy.vlan=`).vlan).toBeNull();
  });

  it('takes back a VLAN and a NIC that were given before', () => {
    const { vlan, preferredNic } = parseCommandLine(
      `${needed} deploy.vlan=5 deploy.nic=eth1 deploy.vlan=none deploy.nic=none`,
    );
    expect([vlan, preferredNic]).toEqual([null, null]);
  });

  it('takes NICs that are to be joined', () => {
    expect(parseCommandLine(`${needed} deploy.bond=bond0:eth0,eth1:mode=802.3ad`).bond?.members).toEqual([
      'eth0',
      'eth1',
    ]);
    for (const none of ['', 'none']) expect(parseCommandLine(`${needed} deploy.bond=${none}`).bond).toBeNull();
  });

  it('takes the last of a word given twice, and words in quotes', () => {
    expect(parseCommandLine(`${needed} deploy.progress=9 deploy.progress="7"`).progressMs).toBe(7000);
  });

  it('takes the time of the watchdog, or that it is left alone', () => {
    expect(parseCommandLine(`${needed} deploy.watchdog=off`).watchdogSeconds).toBe(null);
    expect(parseCommandLine(`${needed} deploy.watchdog=300`).watchdogSeconds).toBe(300);
  });

  it('does without a BOOTIF that makes no sense', () => {
    for (const bootIf of ['', 'eth0', '20-00-11', '01-zz-00-00-00-00-00']) {
      expect(parseCommandLine(`${needed} BOOTIF=${bootIf}`).bootMac).toBeNull();
    }
  });
});

it('without a token: a medium has none', () => {
  const medium = needed.replace(/deploy\.token=\S+/, '');
  expect(parseCommandLine(medium).token).toBeNull();
  expect(parseCommandLine(`${medium} deploy.token=`).token).toBeNull();
});

it('shows its screen in Japanese when it is told to', () => {
  expect(parseCommandLine(`${needed} deploy.language=ja`).language).toBe('ja');
});

describe('what it refuses', () => {
  it('names the word that is missing', () => {
    for (const word of ['deploy.server', 'deploy.ca']) {
      const without = needed.split(' ').filter((part) => !part.startsWith(word));
      expect(failureOf(without.join(' ')).message).toContain(word);
    }
  });

  const bad = [
    'deploy.bond=bond0',
    'deploy.vlan=0',
    'deploy.vlan=4095',
    'deploy.vlan=5,6',
    'deploy.nic=52:54:00',
    'deploy.nic=a-name-that-is-too-long',
    'deploy.nic=eth0/..',
    'deploy.server=https://user@host:1',
    'deploy.server=https://host/path',
    'deploy.server=https://host:99999',
    'deploy.server=https://ho\\st',
    'deploy.server=ftp://host',
    'deploy.ca=sha256:00',
    'deploy.ca=md5:00',
    'deploy.progress=0',
    'deploy.progress=-1',
    'deploy.progress=1e9',
    'deploy.progress=often',
    'deploy.watchdog=on',
    'deploy.watchdog=5',
    'deploy.watchdog=60.5',
    'deploy.language=de',
    'deploy.language=toString',
    'deploy.token=a\u00e4b',
    `deploy.token=${'x'.repeat(513)}`,
  ];
  for (const word of bad) {
    it(`names the word that is wrong: ${word.slice(0, 40)}`, () => {
      const error = failureOf(`${needed} ${word}`);
      expect(error.code).toBe('usage');
      expect(error.message).toContain(word.split('=', 1)[0]);
    });
  }

  const badAddresses = {
    static: "'static' is no address",
    '10.0.0.5': "'10.0.0.5' lacks the length",
    '10.0.0.5/24/7': "'10.0.0.5/24/7' is no address",
    '10.0.0.5/255.255.255.0': "'255.255.255.0' is no prefix length; a number from 1 to 32",
    '10.0.0.5/33': "'33' is no prefix length",
    '10.0.0.5/0': "'0' is no prefix length",
    '010.0.0.5/24': "'010.0.0.5/24' is no address",
    '10.0.0.0/24': "'10.0.0.0' is the address of the network",
    '10.0.255.255/16': "'10.0.255.255' is the broadcast address",
    '127.0.0.1/8': "'127.0.0.1' is no address that a machine can have",
    '224.0.0.5/24': "'224.0.0.5' is no address that a machine can have",
    '10.0.0.5/24,10.0.0.5': "'10.0.0.5' is the machine's own",
    '10.0.0.5/24,10.0.1.1': "'10.0.1.1' is not in the network",
    '10.0.0.5/24,gw': "'gw' is no address of a gateway",
    '10.0.0.5/24,fe80::1': "the gateway 'fe80::1' and the address '10.0.0.5'",
    '10.0.0.5/24,,dns.example': "'dns.example' is no address of a DNS server",
    '10.0.0.5/24,,1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4': 'at most 3 DNS servers',
    'fe80::5/64': "'fe80::5' is no address that a machine can have",
    'fd00::5%eth0/64': "'fd00::5%eth0/64' is no address",
    'dhcp,10.0.0.1': "'10.0.0.1' is one too many: with dhcp",
    'dhcp,,10.0.0.53': "'10.0.0.53' is one too many: with dhcp",
    'fd00::5/64': "from 'fd00::5' there is no way to the server '10.0.0.1'",
  };
  for (const [ip, words] of Object.entries(badAddresses)) {
    it(`says which part is wrong of deploy.ip=${ip}`, () => {
      const { code, message } = failureOf(`${needed} deploy.ip=${ip}`);
      expect(code).toBe('usage');
      expect(message).toContain(`deploy.ip=${ip}: `);
      expect(message).toContain(words);
    });
  }

  it('does not repeat a token on the screen', () => {
    expect(failureOf(`${needed} deploy.token=sécret`).message).not.toContain('cret');
  });
});

it('says of any address what is wrong with it, or takes it', () => {
  const part = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('24', '64', '%', ''), fc.string({ maxLength: 4 }));
  const mark = fc.constantFrom('/', ',', '%');
  fc.assert(
    fc.property(fc.array(fc.tuple(part, mark), { maxLength: 6 }), (parts) => {
      const choice = parseAddressChoice(parts.flat().join('').slice(0, -1));
      if (typeof choice !== 'string') expect(['dhcp', 'static']).toContain(choice.kind);
    }),
  );
});

it('takes any bytes without another error than usage', () => {
  const words = fc.constantFrom(
    ...needed.split(' '),
    'deploy.server=',
    'deploy.nic=',
    'deploy.ip=',
    'deploy.vlan=',
    'BOOTIF=',
    'deploy.progress=',
    '"',
    '=',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string({ unit: 'binary' }))), (parts) => {
      try {
        parseCommandLine(parts.join(' '));
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'usage' });
      }
    }),
  );
});
