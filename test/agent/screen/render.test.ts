import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderLine, renderPage } from '../../../agent/screen/render.ts';
import type { StatusModel } from '../../../agent/screen/status.ts';

const size = { columns: 79, rows: 25 };

const idle: StatusModel = {
  serverUrl: 'https://10.0.0.1:7433',
  stage: 'ready; waiting for a job',
  waitingFor: [],
  connected: true,
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
    const page = renderPage(idle, size).join('\n');
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
    const page = renderPage({ ...idle, nics }, size);
    expect(page.filter((line) => line.includes('52:54:00:00:00:01'))).toHaveLength(8);
    expect(page.join('\n')).toContain('and 4 more');
  });

  it('shows a job with its phase, share, rate and the time left', () => {
    const page = renderPage(busy, size).join('\n');
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
    expect(renderPage({ ...idle, machineState: 'pending' }, size).join('\n')).toContain('waiting for approval');
  });

  it('fits the screen and holds nothing that could steer it, whatever disks, firmware and server say', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    const model = fc.record({ machineName: text, stage: text, waitingFor: fc.array(text), message: text });
    fc.assert(
      fc.property(model, fc.nat(120), fc.nat(60), ({ machineName, stage, waitingFor, message }, columns, rows) => {
        const page = renderPage(
          { ...busy, machineName, stage, waitingFor, messages: [{ level: 'error', message }] },
          { columns, rows },
        );
        expect(page).toHaveLength(rows);
        for (const line of page) {
          expect(line.length).toBeLessThanOrEqual(Math.max(1, columns));
          expect(line).not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });

  it('survives figures that make no sense', () => {
    const odd = { bytesDone: 10, bytesTotal: 5, bytesPerSecond: 0, bytesTransferred: 0 };
    expect(renderPage({ ...busy, job: { ...busy.job, ...odd } as StatusModel['job'] }, size).join('\n')).toContain(
      '100 %',
    );
  });
});

describe('the line for a serial console', () => {
  it('says in one line where the machine stands', () => {
    expect(renderLine(idle)).toBe('web-01 | ready; waiting for a job');
    expect(renderLine(busy)).toBe('web-01 | nightly | capture 25 % | 1.0 GiB of 4.0 GiB | 100.0 MiB/s, 31 s left');
    expect(renderLine({ ...busy, connected: false })).toContain('server not connected');
  });
});
