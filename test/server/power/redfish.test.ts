// The Redfish driver against a service over HTTPS (test/fixtures/redfish-service.ts), as it should be and as it should not.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type PowerAction, powerBodySchema, type SettingsOf } from '../../../protocol/power.ts';
import { OutgoingAddresses } from '../../../server/outgoing/addresses.ts';
import { changePower } from '../../../server/power/change-power.ts';
import { openRedfish } from '../../../server/power/redfish/redfish-driver.ts';
import { type RedfishQuirks, RedfishService } from '../../fixtures/redfish-service.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const here = new OutgoingAddresses({ allowed: ['127.0.0.0/8'] });
const limits = { wholeMs: 20_000, pollMs: 20, pauseMs: 10 };
const briefly = { ...limits, wholeMs: 300 };
const signal = AbortSignal.timeout(60_000);
type Settings = Partial<SettingsOf<'redfish'>>;

function withService(quirks: RedfishQuirks, work: (bmc: RedfishService) => Promise<void>): Promise<void> {
  return withTempDirectory(async (folder) => {
    await using bmc = await RedfishService.start(folder, quirks);
    await work(bmc);
  });
}

function act(
  bmc: RedfishService,
  action: PowerAction,
  { networkBoot, within = limits, ...more }: Settings & { networkBoot?: boolean; within?: typeof limits } = {},
) {
  const trust = more.ca === undefined ? { certificate: bmc.certificate } : {};
  const settings = {
    driver: 'redfish' as const,
    url: bmc.url,
    plainHttp: false,
    user: bmc.user,
    auth: 'session' as const,
  };
  const driver = openRedfish({ ...settings, ...trust, ...more }, bmc.password, here);
  return changePower(driver, action, { networkBoot, signal, limits: within });
}

describe('a BMC with Redfish', () => {
  it.each(['session', 'basic'] as const)('turns the machine on, off and on again, seen each time (%s)', (auth) =>
    withService({ slowMs: 100 }, async (bmc) => {
      expect(await act(bmc, 'status', { auth })).toMatchObject({ state: 'off', verified: true });
      expect(await act(bmc, 'on', { auth })).toMatchObject({ state: 'on', verified: true, message: 'it is on' });
      expect(await act(bmc, 'on', { auth })).toMatchObject({ verified: true, message: 'it was on already' });
      expect(await act(bmc, 'cycle', { auth })).toMatchObject({ state: 'on', verified: true });
      expect(bmc.boots).toHaveLength(2);
      expect(await act(bmc, 'soft', { auth })).toMatchObject({ state: 'off', verified: true });
      // What was opened is closed: BMCs have few sessions.
      expect(bmc.sessions.size).toBe(0);
    }),
  );

  it.each([{}, { needsEtag: true }])('boots it from the network once (%o)', (quirks) =>
    withService(quirks, async (bmc) => {
      await act(bmc, 'on', { networkBoot: true });
      await act(bmc, 'cycle');
      expect(bmc.boots).toEqual(['Pxe', 'None']);
    }),
  );

  it('is believed by its CA as well, and by nothing else', () =>
    withService({}, async (bmc) => {
      expect(await act(bmc, 'status', { ca: bmc.caPem })).toMatchObject({ state: 'off' });
      const before = bmc.requests.length;
      const none = openRedfish(
        { driver: 'redfish', url: bmc.url, plainHttp: false, user: bmc.user, auth: 'basic' },
        bmc.password,
        here,
      );
      // The administrator can compare it, and pin it.
      await expect(none.read(signal)).rejects.toMatchObject({
        code: 'power-failed',
        message: expect.stringContaining(`its certificate ${bmc.certificate} is not trusted`),
        hint: expect.stringContaining('--certificate'),
      });
      const other = `sha256:${'0'.repeat(64)}`;
      await expect(act(bmc, 'on', { certificate: other })).rejects.toThrow(`another certificate: ${bmc.certificate}`);
      expect(bmc.requests.length).toBe(before);
    }));

  it('may keep its reset types elsewhere, and lack some', () =>
    withService({ actionInfo: true, resetTypes: ['ForceOn', 'ForceOff', 'PushPowerButton'] }, async (bmc) => {
      expect(await act(bmc, 'on')).toMatchObject({ state: 'on', verified: true });
      expect(await act(bmc, 'soft')).toMatchObject({ state: 'off', verified: true });
    }));

  it('that takes none of the reset types says which it takes', () =>
    withService({ resetTypes: ['Nmi'] }, async (bmc) => {
      await expect(act(bmc, 'on')).rejects.toMatchObject({ code: 'power-unsupported', message: /only Nmi$/ });
    }));

  it('with several systems is told which', () =>
    withService({ systems: ['blade1', 'blade2'] }, async (bmc) => {
      await expect(act(bmc, 'on')).rejects.toThrow('blade1, blade2');
      await act(bmc, 'on', { system: 'blade2' });
      expect(bmc.requests).toContain('POST /redfish/v1/Systems/blade2/Actions/ComputerSystem.Reset');
    }));

  it('that takes a reset and does nothing is an error with the state; a shutdown that lasts is not', () =>
    withService({ stuck: true }, async (bmc) => {
      await expect(act(bmc, 'on', { within: briefly })).rejects.toMatchObject({
        code: 'power-failed',
        message: /to be on, and is off after/,
      });
      bmc.powerState = 'On';
      expect(await act(bmc, 'soft', { within: briefly })).toMatchObject({ state: 'on', verified: false });
    }));

  it('refuses a wrong password in its own words', () =>
    withService({}, async (bmc) => {
      Object.assign(bmc, { password: 'wrong' });
      for (const auth of ['session', 'basic'] as const) {
        await expect(act(bmc, 'on', { auth })).rejects.toMatchObject({
          code: 'power-failed',
          message: /status 401: There?/,
        });
      }
    }));
});

describe('a BMC that is hostile', () => {
  const cases: [string, RedfishQuirks['answer'], RegExp][] = [
    [
      'sends elsewhere',
      (_request, response) => Boolean(response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()),
      /status 302: it sends elsewhere/,
    ],
    [
      'links elsewhere',
      (_request, response) => {
        const Systems = { '@odata.id': 'https://evil.example/redfish/v1/Systems' };
        response.end(JSON.stringify({ Systems, Links: { Sessions: { '@odata.id': '/../etc' } } }));
        return true;
      },
      /this is no path of a Redfish service/,
    ],
    [
      'links out of it',
      (_request, response) => {
        const Systems = { '@odata.id': '/redfish/../admin' };
        const Links = { Sessions: { '@odata.id': '/redfish/%2e%2e/admin' } };
        response.end(JSON.stringify({ Systems, Links }));
        return true;
      },
      /this is no path of a Redfish service/,
    ],
    ['answers without end', (_request, response) => Boolean(response.end(Buffer.alloc(2 ** 21, 32))), /larger than/],
    ['answers no JSON', (_request, response) => Boolean(response.end('<html>')), /JSON/],
    ['answers other JSON', (_request, response) => Boolean(response.end('[1]')), /otherwise than Redfish says/],
    [
      'answers nothing and hangs up',
      (_request, response) => Boolean(response.socket?.destroy()),
      /hang up|closed|reset/i,
    ],
  ];
  it.each(cases)('%s', (_name, answer, message) =>
    withService(answer === undefined ? {} : { answer }, async (bmc) => {
      for (const auth of ['session', 'basic'] as const) {
        await expect(act(bmc, 'on', { auth })).rejects.toMatchObject({ code: 'power-failed', message });
      }
    }),
  );

  it('never answers: whoever asked may stop', () =>
    withService({ answer: () => true }, async (bmc) => {
      const driver = openRedfish(
        { driver: 'redfish', url: bmc.url, plainHttp: false, user: 'x', auth: 'basic', certificate: bmc.certificate },
        'x',
        here,
      );
      await expect(driver.read(AbortSignal.timeout(100))).rejects.toMatchObject({ code: 'power-failed' });
    }));
});

describe('its address', () => {
  const body = (more: object) => powerBodySchema.safeParse({ driver: 'redfish', user: 'u', password: 'p', ...more });
  it('is https, or http when that was said, and nothing else', () => {
    expect(body({ url: 'https://bmc.example:8443' }).success).toBe(true);
    expect(body({ url: 'http://bmc.example', plainHttp: true }).success).toBe(true);
    for (const url of [
      ...[
        'http://bmc.example',
        'ftp://bmc.example',
        'https://u:p@bmc.example',
        'https://bmc.example/x',
        'file:///etc/passwd',
      ],
      'https://bmc.example/?x',
    ]) {
      expect([url, body({ url }).success]).toEqual([url, false]);
    }
  });

  it('in the clear works when that was said', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const driver = openRedfish({ driver: 'redfish', url, plainHttp: true, user: 'x', auth: 'basic' }, 'x', here);
    await expect(driver.read(signal)).rejects.toThrow('HTTP status 404');
    server.close();
  });
});
