import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeWindow, parseWindow } from '../../cli/schedule-words.ts';
import { TestServer, uuidA } from '../server/support.ts';

const run = promisify(execFile);
const main = path.join(import.meta.dirname, '../../cli/main.ts');

describe('the command line', () => {
  it('makes a schedule, shows it, changes it, runs it and removes it', async () => {
    await using server = await TestServer.start();
    const ask = async (...args: string[]) =>
      (await run(process.execPath, [main, 'schedule', ...args, '--data', server.dataDir])).stdout;
    await server.bootToken(uuidA);
    const machine = '52-54-00-00-00-01';
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    const when = ['--cron', '30 22 * * mon-fri', '--time-zone', 'Asia/Tokyo'];
    const more = ['--window', 'fri 22:00-05:00', '--keep-last', '3', '--no-wake', '--late', '30'];
    const made = await ask('add', 'Büro', '--scenario', 'look', '--machine', machine, ...when, ...more);
    expect(made).toMatch(/^added: Büro \(\w+\), next 20\S+T13:30:00.000Z\n$/);
    expect(await ask('list')).toMatch(/Büro +look +52-54-00-00-00-01 +30 22 \* \* mon-fri Asia\/Tokyo +20/);
    expect(await ask('upcoming')).toMatch(/T13:30:00.000Z +Büro\n/);
    await ask('set', 'büro', '--no-keep', '--name', 'Office');
    expect(await ask('run', 'office')).toMatch(/^started: 1 jobs; asked for by operator token\n$/);
    const shown = await ask('show', 'office');
    for (const line of [/hours +fri 22:00-05:00 Asia\/Tokyo/, /keeps +all images/, /wakes +no/, /within 30 minutes/]) {
      expect(shown).toMatch(line);
    }
    expect(shown).toMatch(/started +1 +asked for by/);
    expect(await ask('disable', 'office')).toMatch(/next never/);
    expect(await ask('enable', 'office')).toMatch(/next 20/);
    expect(await ask('remove', 'office')).toBe('removed: office\n');
    for (const wrong of [['--cron', '* * *'], ['--at', 'tomorrow'], ['--window', 'always', ...when], []]) {
      const words = ['add', 'x', '--scenario', 'look', '--machine', machine, ...wrong];
      await expect(ask(...words)).rejects.toMatchObject({ code: 2 });
    }
  });

  it('shows hours to come, and the next times of what is not saved', async () => {
    await using server = await TestServer.start();
    const ask = async (...args: string[]) =>
      (await run(process.execPath, [main, 'schedule', ...args, '--data', server.dataDir])).stdout;
    await server.bootToken(uuidA);
    await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }] });
    const timeZone = 'Asia/Tokyo';
    const windows = [{ days: [5], from: '22:00', to: '05:00', timeZone }];
    const when = { kind: 'cron', cron: '30 22 * * 5', timeZone };
    await server.api('POST', '/v1/schedules', {
      name: 'Büro',
      scenario: 'look',
      machines: ['52-54-00-00-00-01'],
      when,
      windows,
    });
    expect(await ask('hours')).toMatch(/T13:00:00.000Z +20\S+T20:00:00.000Z +Büro\n/);
    const asked = ['--cron', '30 22 * * mon-fri', '--time-zone', timeZone, '--window', 'sat 00:00-01:00'];
    expect(await ask('preview', ...asked, '--count', '1')).toMatch(/T13:30:00.000Z +20\S+T15:00:00.000Z\n$/);
  });
});

describe('hours', () => {
  it.each([
    ['mon-fri 22:00-05:00', 'mon,tue,wed,thu,fri 22:00-05:00 UTC'],
    ['sat-mon 00:00-00:00', 'mon,sat,sun 00:00-00:00 UTC'],
    ['Sun,wed 01:00-02:00', 'wed,sun 01:00-02:00 UTC'],
    ['22:00-05:00', 'every day 22:00-05:00 UTC'],
  ])('%s', (text, said) => {
    expect(describeWindow(parseWindow(text, 'UTC'))).toBe(said);
  });

  it.each(['', 'mon', 'someday 22:00-05:00', 'mon-tue-wed 1:00-2:00', 'mon 22-5'])('are not %o', (text) => {
    expect(() => parseWindow(text, 'UTC')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
