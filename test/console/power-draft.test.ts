// The form of a power driver: what it makes is what the server takes, and what the server shows comes back as it was.
import { expect, it } from 'vitest';
import { draftPower, toPowerBody } from '../../console/pages/machine/power-draft.ts';
import { type PowerSettings, powerBodySchema } from '../../protocol/power.ts';

const digits = 'ab'.repeat(32);
const everything: PowerSettings[] = [
  { driver: 'none' },
  { driver: 'wake-on-lan', macs: ['52:54:00:12:34:56'], broadcast: ['10.2.0.255', '10.3.0.255'], port: 7 },
  {
    ...{ driver: 'redfish', url: 'https://bmc.example', plainHttp: false, user: 'deploy', auth: 'basic' },
    ...{ certificate: `sha256:${digits}`, ca: '-----BEGIN CERTIFICATE-----', system: '1' },
  },
  { driver: 'ipmi', host: '10.9.0.23', port: 6230, user: 'ADMIN', cipherSuite: 3 },
  { driver: 'hook', program: 'virsh-power' },
];

it.each(everything)('the settings of $driver come back from the form as they were', (settings) => {
  expect(powerBodySchema.parse(toPowerBody(draftPower(settings)))).toEqual(settings);
});

it('what is left empty is left to the server, which keeps the password', () => {
  const driver = { driver: 'wake-on-lan' } as const;
  expect(toPowerBody(draftPower({ driver: 'none' }, 'wake-on-lan'))).toEqual(driver);
  const kept = { ...draftPower({ driver: 'ipmi', host: 'bmc', port: 623, user: 'a' }), password: '' };
  expect(toPowerBody(kept)).not.toHaveProperty('password');
  expect(toPowerBody({ ...kept, password: ' two words ' })).toMatchObject({ password: ' two words ' });
});

it('another driver begins with an empty form', () => {
  expect(draftPower({ driver: 'ipmi', host: 'bmc', port: 623, user: 'a' }, 'redfish')).toMatchObject({
    ...{ driver: 'redfish', user: '', port: '', host: '' },
  });
});

it.each([`sha256:${digits}`, `sha256 Fingerprint=${digits.toUpperCase().match(/../g)?.join(':')}`, digits])(
  'a fingerprint is taken as it is printed elsewhere: %s',
  (certificate) => {
    const draft = { ...draftPower({ driver: 'none' }, 'redfish'), url: 'https://bmc', user: 'a', certificate };
    expect(powerBodySchema.parse(toPowerBody(draft))).toMatchObject({ certificate: `sha256:${digits}` });
  },
);
