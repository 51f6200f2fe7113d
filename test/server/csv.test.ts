import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DiskCheck, diskCheckSchema } from '../../protocol/disk-check.ts';
import { toCsv } from '../../server/csv.ts';
import { checksToCsv, checkToCsv } from '../../server/disk-checks/check-to-csv.ts';
import { makeChecked, makePartition } from '../fixtures/checked-disks.ts';

/** A reader of RFC 4180 that knows nothing of the writer. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let rest = text;
  while (rest !== '') {
    const found = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest);
    if (found === null) throw new Error(`no CSV: ${JSON.stringify(rest.slice(0, 40))}`);
    row.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    if (found[3] === '\r\n') {
      rows.push(row);
      row = [];
    }
    rest = rest.slice(found[0].length);
  }
  return rows;
}

describe('CSV', () => {
  it('quotes what has to be quoted, and ends lines as RFC 4180 says', () => {
    expect(
      toCsv(
        ['a', 'b'],
        [
          ['x,y', 'say "hi"'],
          ['two\r\nlines', null],
          [true, -5],
        ],
      ),
    ).toBe('a,b\r\n"x,y","say ""hi"""\r\n"two\r\nlines",\r\ntrue,-5\r\n');
  });

  it.each(['=1+2', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1'])('makes no formula of %j', (text) => {
    expect(readCsv(toCsv(['a'], [[text]]))[1]).toEqual([`'${text}`]);
  });

  it('gives back every text, with a quote in front of what begins like a formula', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: fc.constantFrom(...'",\r\n=+-@\'aä番') }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(anyText, anyText)), (rows) => {
        const read = readCsv(toCsv(['x', 'y'], rows)).slice(1);
        const stripped = read.map((row) => row.map((cell) => cell.replace(/^'(?=[=+\-@＝＋－＠\t\r\n])/, '')));
        const expected = rows.map((row) => row.map((cell) => cell.replace(/^'(?=[=+\-@＝＋－＠\t\r\n])/, '')));
        expect(stripped).toEqual(expected);
      }),
    );
  });
});

describe('a disk check as CSV', () => {
  const [state, role] = ['running', null];
  const part = { devicePath: '/dev/sdx', model: 'WD', serial: 'W1', place: 'port-1', state, role };
  const check: DiskCheck = diskCheckSchema.parse({
    ...{ id: 'c2', at: '2026-01-02T00:00:00.000Z', kind: 'check', jobId: 'j1', diskCount: 1 },
    before: { id: 'c1', at: '2026-01-01T00:00:00.000Z', kind: 'check' },
    differences: [
      { kind: 'gone', level: 'warning', diskId: 'old', diskNumber: 2, message: 'disk 2 (old) is gone' },
      {
        kind: 'number',
        level: 'warning',
        diskId: 'serial-QEMU-S1',
        diskNumber: 1,
        message: 'disk 1 was disk 2 before',
      },
    ],
    disks: [
      makeChecked(1, {
        ...{
          kind: 'multipath',
          model: '=cmd|calc',
          parts: [part],
          hiddenBytes: 1_081_856,
          locks: { ata: null, opal: 'locked' },
        },
        map: {
          ...{ table: 'gpt', tableId: 't', usedBytes: 7, notes: [] },
          partitions: [makePartition(1, { label: '日本, "語"' }), makePartition(2)],
        },
      }),
    ],
  });

  it('has a row for each disk, its paths and partitions, and each disk that is gone', () => {
    const [headings = [], ...rows] = readCsv(checkToCsv(check));
    const cell = (row: number, name: string) => rows[row]?.[headings.indexOf(name)];
    expect(rows.map(([row]) => row)).toEqual(['disk', 'path', 'partition', 'partition', 'gone']);
    expect(rows.every((row) => row.length === headings.length)).toBe(true);
    expect([cell(0, 'model'), cell(0, 'used_bytes'), cell(0, 'health')]).toEqual(["'=cmd|calc", '7', 'passed']);
    expect(['hidden_bytes', 'ata_lock', 'opal_lock'].map((name) => cell(0, name))).toEqual(['1081856', '', 'locked']);
    expect(cell(0, 'differences')).toBe('disk 1 was disk 2 before');
    expect([cell(1, 'serial'), cell(1, 'state')]).toEqual(['W1', 'running']);
    expect([cell(2, 'label'), cell(2, 'device'), cell(3, 'device')]).toEqual(['日本, "語"', '/dev/sd11', '']);
    expect(cell(4, 'differences')).toBe('disk 2 (old) is gone');
  });

  it('says what a member is used for, and of an array that it was not stopped', () => {
    const known = { level: 'raid1', metadata: '1.2', readOnly: true, members: 1, missing: 0, done: null };
    const array = { ...known, health: 'whole', dirty: true } as const;
    const parts = [
      { ...part, role: 'active' },
      { ...part, role: 'spare' },
    ] as const;
    const [headings = [], ...rows] = readCsv(
      checkToCsv({ ...check, disks: [makeChecked(1, { kind: 'array', array, parts })] }),
    );
    const states = rows.slice(0, 3).map((row) => row[headings.indexOf('state')]);
    expect(states).toEqual(['raid1 whole, not stopped', 'running', 'spare, running']);
  });

  it('has a row for each entry of the history', () => {
    expect(readCsv(checksToCsv([check]))[1]).toEqual([
      ...['c2', '2026-01-02T00:00:00.000Z', 'check', 'j1', '1'],
      'disk 2 (old) is gone; disk 1 was disk 2 before',
    ]);
  });
});
