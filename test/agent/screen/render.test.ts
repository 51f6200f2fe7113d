import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderLine, renderPage } from '../../../agent/screen/render.ts';
import type { StatusModel } from '../../../agent/screen/status.ts';
import { columnsOf } from '../../../agent/screen/width.ts';
import { en } from '../../../agent/screen/words/en.ts';
import { ja } from '../../../agent/screen/words/ja.ts';
import { verbatim, type Words } from '../../../agent/screen/words/words.ts';

const size = { columns: 79, rows: 25 };

const idle: StatusModel = {
  serverUrl: 'https://10.0.0.1:7433',
  stage: ({ stage }) => stage.ready,
  waitingFor: [],
  connected: true,
  busy: false,
  machineName: 'web-01',
  machineState: 'approved',
  nics: [
    {
      name: 'eth0',
      mac: '52:54:00:00:00:01',
      driver: 'e1000',
      link: true,
      speedMbps: 100,
      duplex: 'half',
      addresses: ['10.0.0.7'],
      boot: true,
      errors: 3,
      result: 'address 10.0.0.7, reaches the server',
    },
  ],
  nicResults: new Map(),
  disks: [],
  job: null,
  messages: [{ level: 'warning', message: 'NTFS was not unmounted cleanly' }],
};

const busy: StatusModel = {
  ...idle,
  job: {
    title: 'nightly',
    step: 0,
    steps: 2,
    phase: 'capture',
    bytesDone: 2 ** 30,
    bytesTotal: 4 * 2 ** 30,
    bytesTransferred: 2 ** 29,
    bytesPerSecond: 100 * 2 ** 20,
  },
};

describe('the status page', () => {
  it('shows server, machine, NIC with speed and duplex, and warnings', () => {
    const page = renderPage(idle, size, en).join('\n');
    for (const text of [
      'https://10.0.0.1:7433',
      'web-01',
      'eth0',
      'e1000, link 100 Mb/s half duplex',
      'address 10.0.0.7, reaches the server, 3 errors',
      '(boot)',
      'WARNING: NTFS',
    ]) {
      expect(page).toContain(text);
    }
  });

  it('keeps to eight lines of NICs, however many there are', () => {
    const nics = Array.from({ length: 12 }, () => idle.nics).flat();
    const page = renderPage({ ...idle, nics }, size, en);
    expect(page.filter((line) => line.includes('52:54:00:00:00:01'))).toHaveLength(8);
    expect(page.join('\n')).toContain('and 4 more');
  });

  it('shows a job with its phase, share, rate and the time left', () => {
    const page = renderPage(busy, size, en).join('\n');
    for (const text of [
      'nightly (step 1 of 2)',
      'capture',
      '25 %',
      '1.0 GiB of 4.0 GiB',
      '100.0 MiB/s',
      '31 s left',
      'network 512.0 MiB',
    ]) {
      expect(page).toContain(text);
    }
  });

  it('says that a machine waits for approval', () => {
    expect(renderPage({ ...idle, machineState: 'pending' }, size, en).join('\n')).toContain('waiting for approval');
  });

  it('fits the screen and holds nothing that could steer it, whatever disks, firmware and server say', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    const model = fc.record({ machineName: text, stage: text, waitingFor: fc.array(text), message: text });
    fc.assert(
      fc.property(
        model,
        fc.nat(120),
        fc.nat(60),
        fc.constantFrom(en, ja),
        ({ machineName, stage, waitingFor, message }, columns, rows, words) => {
          const page = renderPage(
            {
              ...busy,
              machineName,
              stage: verbatim(stage),
              waitingFor: waitingFor.map(verbatim),
              messages: [{ level: 'error', message }],
            },
            { columns, rows },
            words,
          );
          expect(page).toHaveLength(rows);
          for (const line of page) {
            expect(columnsOf(line)).toBeLessThanOrEqual(Math.max(1, columns));
            expect(line).not.toMatch(/\p{Cc}/u);
          }
        },
      ),
    );
  });

  it('survives figures that make no sense', () => {
    const odd = { bytesDone: 10, bytesTotal: 5, bytesPerSecond: 0, bytesTransferred: 0 };
    expect(renderPage({ ...busy, job: { ...busy.job, ...odd } as StatusModel['job'] }, size, en).join('\n')).toContain(
      '100 %',
    );
  });
});

describe('the page in Japanese', () => {
  it('keeps its columns, and says all but messages and data in Japanese', () => {
    const nicResults = new Map([['eth0', (words: Words) => words.probe.reaches('10.0.0.7')]]);
    expect(renderPage({ ...busy, nicResults }, { columns: 79, rows: 13 }, ja)).toEqual([
      'Deploy-OS   https://10.0.0.1:7433   接続済み',
      'マシン      web-01',
      '状態        準備完了。ジョブを待っています',
      '',
      'NIC         eth0 (起動) 52:54:00:00:00:01 e1000, リンク 100 Mb/s 半二重',
      '              アドレス 10.0.0.7、サーバーに届きます, エラー 3 件',
      'ディスク    なし',
      '',
      'ジョブ      nightly (ステップ 1/2)',
      '            取得       [############...................................] 25 %',
      '            1.0 GiB / 4.0 GiB, 100.0 MiB/秒, 残り 31 秒, 通信量 512.0 MiB',
      '',
      '警告: NTFS was not unmounted cleanly',
    ]);
  });

  it('has its line on a serial console, too', () => {
    expect(renderLine({ ...busy, connected: false }, ja)).toBe(
      'web-01 | nightly | 取得 25 % | 1.0 GiB / 4.0 GiB | 100.0 MiB/秒, 残り 31 秒 | サーバー未接続',
    );
  });
});

describe('the line for a serial console', () => {
  it('says in one line where the machine stands', () => {
    expect(renderLine(idle, en)).toBe('web-01 | ready; waiting for a job');
    expect(renderLine(busy, en)).toBe('web-01 | nightly | capture 25 % | 1.0 GiB of 4.0 GiB | 100.0 MiB/s, 31 s left');
    expect(renderLine({ ...busy, connected: false }, en)).toContain('server not connected');
  });
});
