import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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
      preferredNic: null,
      bootMac: '52:54:00:ab:cd:ef',
      progressMs: 2000,
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

  it('takes the last of a word given twice, and words in quotes', () => {
    expect(parseCommandLine(`${needed} deploy.progress=9 deploy.progress="7"`).progressMs).toBe(7000);
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

describe('what it refuses', () => {
  it('names the word that is missing', () => {
    for (const word of ['deploy.server', 'deploy.ca']) {
      const without = needed.split(' ').filter((part) => !part.startsWith(word));
      expect(failureOf(without.join(' ')).message).toContain(word);
    }
  });

  const bad = [
    'deploy.ip=10.0.0.5/24',
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

  it('says that other ways to an address come later', () => {
    expect(failureOf(`${needed} deploy.ip=10.0.0.5/24`).message).toContain('DHCP only');
  });

  it('does not repeat a token on the screen', () => {
    expect(failureOf(`${needed} deploy.token=sécret`).message).not.toContain('cret');
  });
});

it('takes any bytes without another error than usage', () => {
  const words = fc.constantFrom(
    ...needed.split(' '),
    'deploy.server=',
    'deploy.nic=',
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
