import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSmartReport, worstOf } from '../../../agent/5-job/smart-report.ts';
import { diskHealthSchema } from '../../../protocol/disk-check.ts';
import { makeHealth } from '../../fixtures/checked-disks.ts';

/** What smartctl 7.3 prints of a SATA disk, cut down. */
const ata = {
  smart_status: { passed: true },
  ata_smart_attributes: {
    table: [
      { id: 5, name: 'Reallocated_Sector_Ct', raw: { value: 4295032833, string: '12 (0 1)' } },
      { id: 197, name: 'Current_Pending_Sector', raw: { value: 3, string: '3' } },
    ],
  },
  power_on_time: { hours: 18_046 },
  temperature: { current: 36 },
};
const nvme = {
  smart_status: { passed: false, nvme: { value: 4 } },
  nvme_smart_health_information_log: {
    ...{ critical_warning: 4, temperature: 41, available_spare: 7, available_spare_threshold: 10 },
    ...{ percentage_used: 104, power_on_hours: 9001, media_errors: 3.4e38 },
  },
  temperature: { current: 41 },
  power_on_time: { hours: 9001 },
};
const parse = (report: unknown, status = 0) => parseSmartReport(JSON.stringify(report), status);

/** Recorded in a virtual machine of QEMU 7.2 with smartctl 7.3, once for each kind of disk. */
const recorded = (name: string) =>
  readFileSync(path.join(import.meta.dirname, '../../fixtures/smart', `${name}.json`), 'utf8');

describe('what smartctl says', () => {
  it.each([
    ['sata', 0, makeHealth({ temperatureCelsius: 31, powerOnHours: 1, pendingSectors: null })],
    [
      'nvme',
      0,
      makeHealth({
        ...{ temperatureCelsius: 50, powerOnHours: 0, reallocatedSectors: null, pendingSectors: null },
        ...{ percentageUsed: 0, sparePercent: 0, spareThresholdPercent: 0, mediaErrors: 0 },
      }),
    ],
    ['scsi', 0, null],
    ['virtio', 1, null],
  ])('of a virtual %s disk is understood', (name, status, health) => {
    expect(parseSmartReport(recorded(name), status)).toEqual(health);
  });

  it('of a SATA disk is its verdict and the attributes that foretell its end', () => {
    expect(parse(ata)).toEqual(
      makeHealth({ temperatureCelsius: 36, powerOnHours: 18_046, reallocatedSectors: 12, pendingSectors: 3 }),
    );
  });

  it('of an NVMe disk is its health log; a counter of 128 bits ends where a double counts exactly', () => {
    expect(parse(nvme, 8)).toEqual(
      makeHealth({
        ...{
          passed: false,
          temperatureCelsius: 41,
          powerOnHours: 9001,
          reallocatedSectors: null,
          pendingSectors: null,
        },
        ...{ percentageUsed: 104, sparePercent: 7, spareThresholdPercent: 10, mediaErrors: Number.MAX_SAFE_INTEGER },
      }),
    );
  });

  it('of a SCSI disk is its list of grown defects', () => {
    expect(parse({ smart_status: { passed: true }, scsi_grown_defect_list: 4 })).toMatchObject({
      reallocatedSectors: 4,
    });
  });

  it('by its exit status: failing is failing, whatever else is set; what was not opened says nothing', () => {
    expect(parse(ata, 8 + 16 + 64)?.passed).toBe(false);
    expect(parse(ata, 4 + 32 + 64 + 128)?.passed).toBe(true);
    expect(parse(ata, 1)).toBe(null);
    expect(parse(ata, 2)).toBe(null);
  });

  it('is nothing where a disk says nothing of its health', () => {
    expect(parse({ device: { name: '/dev/vda' }, smart_support: { available: false } }, 4)).toBe(null);
    expect(parseSmartReport('', 0)).toBe(null);
    expect(parseSmartReport('smartctl: not found', 0)).toBe(null);
  });

  it('is left out figure by figure where it is absurd', () => {
    const odd = {
      smart_status: 'fine',
      ata_smart_attributes: { table: [{ id: 5, raw: { string: 'vendor specific' } }] },
      power_on_time: { hours: -5 },
      temperature: { current: 36.5 },
      scsi_grown_defect_list: 9,
    };
    expect(parse(odd)).toEqual(
      makeHealth({
        ...{ passed: null, temperatureCelsius: null, powerOnHours: null, pendingSectors: null },
        reallocatedSectors: 9,
      }),
    );
  });

  it('is within the protocol whatever it is', () => {
    const names = [...Object.keys(ata), ...Object.keys(nvme), ...Object.keys(nvme.nvme_smart_health_information_log)];
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        ...[fc.double(), fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.array(tie('any'))],
        fc.dictionary(
          fc.constantFrom(...names, 'table', 'id', 'raw', 'string', 'passed', 'hours', 'current'),
          tie('any'),
        ),
      ),
    })).any;
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 255 }), (report, status) => {
        const health = parse(report, status);
        if (health !== null) expect(diskHealthSchema.parse(health)).toEqual(health);
      }),
    );
  });
});

describe('the health of an array', () => {
  it('is that of its worst member', () => {
    const members = [
      makeHealth({ reallocatedSectors: 5, sparePercent: 50, spareThresholdPercent: 10 }),
      makeHealth({ passed: null, temperatureCelsius: 44, sparePercent: 20, spareThresholdPercent: 5 }),
    ];
    expect(worstOf(members)).toEqual(
      makeHealth({ temperatureCelsius: 44, reallocatedSectors: 5, sparePercent: 20, spareThresholdPercent: 5 }),
    );
    expect(worstOf([...members, makeHealth({ passed: false })])?.passed).toBe(false);
    expect(worstOf([])).toBe(null);
  });
});
