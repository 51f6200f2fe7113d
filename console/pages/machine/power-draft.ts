// A power driver as its form holds it, all text: made from the settings that the server shows, and made into what it takes.
import type { PowerBody, PowerSettings } from '../../../protocol/power.ts';

export type PowerDriverName = PowerSettings['driver'];
export type PowerDraft = ReturnType<typeof blankOf>;

function blankOf(driver: PowerDriverName) {
  const place = { url: '', host: '', port: '', program: '' };
  const person = { user: '', password: '' };
  const trust = { certificate: '', ca: '', plainHttp: false, basic: false, system: '', cipherSuite: '17' };
  return { driver, ...place, ...person, ...trust, macs: '', broadcast: '' };
}

/** With the settings that there are, if they are that driver's. */
export function draftPower(settings: PowerSettings, driver: PowerDriverName = settings.driver): PowerDraft {
  const blank = blankOf(driver);
  if (driver !== settings.driver) return blank;
  switch (settings.driver) {
    case 'none':
      return blank;
    case 'wake-on-lan': {
      const { macs = [], broadcast = [], port } = settings;
      return { ...blank, macs: macs.join(' '), broadcast: broadcast.join(' '), port: `${port}` };
    }
    case 'redfish': {
      const { url, user, plainHttp, auth, certificate = '', ca = '', system = '' } = settings;
      return { ...blank, url, user, plainHttp, basic: auth === 'basic', certificate, ca, system };
    }
    case 'ipmi': {
      const { host, port, user, cipherSuite = 17 } = settings;
      return { ...blank, host, port: `${port}`, user, cipherSuite: `${cipherSuite}` };
    }
    case 'hook':
      return { ...blank, program: settings.program };
  }
}

/** What is left empty is left out: the server has its own values, and keeps the password. */
export function toPowerBody(draft: PowerDraft): PowerBody {
  const { driver, user } = draft;
  const password = given('password', draft.password);
  const port = draft.port === '' ? {} : { port: Number(draft.port) };
  switch (driver) {
    case 'none':
      return { driver };
    case 'wake-on-lan':
      return { driver, ...listed('macs', draft.macs), ...listed('broadcast', draft.broadcast), ...port, ...password };
    case 'redfish': {
      const { plainHttp, basic } = draft;
      const trust = { ...given('certificate', readFingerprint(draft.certificate)), ...given('ca', draft.ca.trim()) };
      const system = given('system', draft.system.trim());
      const url = draft.url.trim();
      return { driver, url, user, plainHttp, auth: basic ? 'basic' : 'session', ...trust, ...system, ...password };
    }
    case 'ipmi': {
      const cipherSuite = draft.cipherSuite === '3' ? 3 : 17;
      return { driver, host: draft.host.trim(), user, cipherSuite, ...port, ...password };
    }
    case 'hook':
      return { driver, program: draft.program.trim() };
  }
}

/** As openssl and browsers print it, too: with colons, in capitals, with a name in front. */
function readFingerprint(text: string): string {
  const digits = text
    .trim()
    .replace(/^sha-?256( fingerprint)?[:= ]*/i, '')
    .replaceAll(/[\s:]/g, '');
  return digits === '' ? '' : `sha256:${digits.toLowerCase()}`;
}

function given<Name extends string>(name: Name, text: string): { [key in Name]?: string } {
  return text === '' ? {} : ({ [name]: text } as { [key in Name]: string });
}

function listed<Name extends string>(name: Name, text: string): { [key in Name]?: string[] } {
  const items = text.split(/[\s,]+/).filter((item) => item !== '');
  return items.length === 0 ? {} : ({ [name]: items } as { [key in Name]: string[] });
}
