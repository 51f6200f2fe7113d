import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FormOutcome, type FormState, findFaults, openForm, pressKey, wordsOf } from '../../../agent/form/form.ts';
import { KeyDecoder } from '../../../agent/form/keys.ts';
import { renderForm } from '../../../agent/form/render-form.ts';
import { columnsOf } from '../../../agent/screen/width.ts';
import { en } from '../../../agent/screen/words/en.ts';
import { ja } from '../../../agent/screen/words/ja.ts';

const ca = '0a'.repeat(32);
const nothing = { server: '', ca: '', ip: '', vlan: '', nic: '' };
const known = { server: 'https://10.0.0.1:7433', ca: `sha256:${ca}`, ip: 'dhcp', vlan: '', nic: '' };
const nicNames = ['eth0', 'eth1'];
const surroundings = {
  memory: { can: true, say: () => 'the stick' },
  status: ['looking for the server', 'eth0: no link'],
};
const size = { columns: 79, rows: 24 };

/** The form after these keys, and the last thing that came of them. */
function type(state: FormState, sent: string): { state: FormState; outcome: FormOutcome } {
  let now: { state: FormState; outcome: FormOutcome } = { state, outcome: { kind: 'open' } };
  for (const key of new KeyDecoder().push(Buffer.from(sent))) {
    now = pressKey(now.state, key, nicNames);
    if (now.outcome.kind !== 'open') break;
  }
  return now;
}

const show = (state: FormState) => renderForm(state, surroundings, size, en).lines.join('\n');
const allFields = `\x1510.0.0.5/24\r10.0.0.1\r10.0.0.53 10.0.0.54\r7\reth1\r10.0.0.9:7433\r${ca}\r`;

describe('the form', () => {
  it('is filled in from field to field, looked at, and used after yes', () => {
    const filled = type(openForm(nothing), `${allFields} \r\r`).state;
    expect(show(filled)).toContain(ca);
    expect(show(filled)).toMatch(/Address +10\.0\.0\.5\/24\n.*Gateway +10\.0\.0\.1\n/);
    expect(type(filled, 'yes\r').outcome).toEqual({
      kind: 'apply',
      words: {
        server: '10.0.0.9:7433',
        ca: `sha256:${ca}`,
        ip: '10.0.0.5/24,10.0.0.1,10.0.0.53,10.0.0.54',
        vlan: '7',
        nic: 'eth1',
      },
      remember: false,
    });
  });

  it('begins with what is set, and goes back to the fields for any other word than yes', () => {
    const asked = type(openForm(known), '\x1b[A\r').state;
    expect(asked.confirming).toBe('');
    for (const answer of ['no', 'y', 'yes yes', ' yes', '']) {
      const { state, outcome } = type(asked, `${answer}\r`);
      expect(outcome).toEqual({ kind: 'open' });
      expect(state.confirming).toBeNull();
    }
    expect(type(asked, 'x\x7fyes\r').outcome).toMatchObject({ kind: 'apply', words: known, remember: true });
  });

  it('does not go on with something wrong: it stands at the field, which says what', () => {
    const { state } = type(openForm({ ...known, ip: '10.0.0.5' }), '\x1b[A\r');
    expect(state).toMatchObject({ row: 'address', confirming: null });
    expect(show(state)).toContain("! '10.0.0.5' lacks the length of its network's prefix");
    expect(type(openForm(nothing), '\x1b[A\r').state.row).toBe('server');
  });

  const wrong: Record<string, [Partial<Record<string, string>>, string]> = {
    address: [{ address: '10.0.0.0/24' }, 'is the address of the network'],
    gateway: [{ address: '10.0.0.5/24', gateway: '10.0.1.1' }, 'is not in the network'],
    dns: [{ address: '10.0.0.5/24', dns: '1.1.1.1 x' }, "'x' is no address of a DNS server"],
    vlan: [{ vlan: '4095' }, 'the number of a VLAN is wanted'],
    nic: [{ nic: '52:54:00' }, 'a MAC address'],
    server: [{ server: 'http://a/b' }, 'HOST:PORT is wanted'],
    ca: [{ ca: '12' }, '64 hexadecimal digits are wanted'],
  };
  for (const [field, [values, fault]] of Object.entries(wrong)) {
    it(`tells what is wrong at the field: ${field}`, () => {
      const faults = findFaults({ ...openForm(known).values, ...values });
      expect(Object.keys(faults)).toEqual([field]);
      expect(faults[field as 'ca']).toContain(fault);
    });
  }

  it('tells at the address that it does not go with the server, and at any field what GRUB would take for its own', () => {
    const { values } = openForm(known);
    expect(findFaults({ ...values, address: 'fd00::5/64' }).address).toContain('no way to the server');
    expect(findFaults({ ...values, nic: "e'$(x)" }).nic).toContain('only letters, digits');
    expect(findFaults({ ...values, gateway: '10.0.0.1' }).gateway).toContain('one too many');
  });

  it('says nothing of a field that has not been left yet', () => {
    const { state } = type(openForm(nothing), '\x1b[B\x1b[B\x1b[B9999');
    expect(show(state)).not.toContain('!');
    expect(show(type(state, '\t').state)).toContain('! the number of a VLAN');
  });

  it('takes a fingerprint as the server or a certificate viewer writes it', () => {
    const { values } = openForm(known);
    const pairs = ca.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:');
    for (const written of [pairs, `SHA256:${ca}`, `sha256:${ca} `]) {
      expect(wordsOf({ ...values, ca: written }).ca).toBe(`sha256:${ca}`);
    }
  });

  it('edits within a value, shows one NIC after the other, and leaves by ESC', () => {
    const { state } = type(openForm(nothing), '\x1510.0.0.x/24\x1b[D\x1b[D\x1b[D\x7f5\x1b[Ha\x1b[H\x1b[3~');
    expect(state.values.address).toBe('10.0.0.5/24');
    const nics = [' ', '  ', '   '].map((spaces) => type(openForm(nothing), `\t\t\t\t${spaces}`).state.values.nic);
    expect(nics).toEqual(['eth0', 'eth1', '']);
    expect(type(openForm(nothing), '\x03').outcome).toEqual({ kind: 'left' });
  });

  it('says why it remembers nothing where there is nothing to remember it on', () => {
    const { lines } = renderForm(
      openForm(known),
      { ...surroundings, memory: { can: false, say: () => 'a CD' } },
      size,
      en,
    );
    expect(lines.join('\n')).toMatch(/Remember +not remembered: a CD/);
  });
});

describe('noise on a serial line', () => {
  it('confirms nothing, whatever it is', () => {
    const noise = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom(Buffer.from('\r'), Buffer.from('y\r'), Buffer.from('\x1b[A\r')),
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(noise, (pieces) => {
        const bytes = Buffer.concat(pieces);
        if (/yes[\r\n]/i.test(bytes.toString('latin1'))) return;
        expect(type(openForm(known), bytes.toString('latin1')).outcome.kind).not.toBe('apply');
      }),
      { numRuns: 500 },
    );
  });

  it('confirms nothing by its own words coming back, as from a line with an echo', () => {
    let { state, outcome } = type(openForm(known), '\x1b[A\r');
    for (let i = 0; i < 20; i++) {
      ({ state, outcome } = type(state, `${show(state).replaceAll('\n', '\r\n')}\r\n`));
      expect(outcome.kind).not.toBe('apply');
    }
  });
});

it('fits any screen, with its cursor in it, whatever has been typed', () => {
  const sent = fc.array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\t', '\r', '\x1b[A', '\x1b[D', '9', allFields)),
  );
  fc.assert(
    fc.property(sent, fc.nat(120), fc.nat(60), fc.constantFrom(en, ja), (parts, columns, rows, words) => {
      const { state } = type(openForm(nothing), parts.join(''));
      const { lines, cursor } = renderForm(state, { ...surroundings, status: parts }, { columns, rows }, words);
      expect(lines).toHaveLength(rows);
      for (const line of lines) {
        expect(columnsOf(line)).toBeLessThanOrEqual(Math.max(1, columns));
        expect(line).not.toMatch(/\p{Cc}/u);
      }
      expect(cursor.row).toBeLessThan(Math.max(1, rows));
      expect(cursor.column).toBeLessThan(Math.max(1, columns));
    }),
  );
});

it('shows all of itself on 80 by 24, with a fault at every field, and how the machine stands', () => {
  const bad = { server: '?', ca: 'sha256:1', ip: 'x,y,z', vlan: 'v', nic: '::' };
  const page = show(type(openForm(bad), '\x1b[A\r').state);
  for (const text of ["Server's CA  1", '[ Go on ]', 'Esc: leave', 'looking for the server']) {
    expect(page).toContain(text);
  }
  expect(page.match(/^ {4}! /gm)).toHaveLength(5);
  expect(page).not.toContain('~');
});
