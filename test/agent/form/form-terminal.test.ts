import { beforeEach, describe, expect, it } from 'vitest';
import { type FormHost, FormTerminal } from '../../../agent/form/form-terminal.ts';
import { KeyDecoder } from '../../../agent/form/keys.ts';
import { plainPage } from '../../../agent/screen/page-writer.ts';
import { Status } from '../../../agent/screen/status.ts';
import { lineTerminal, pageTerminal } from '../../../agent/screen/terminals.ts';
import { en } from '../../../agent/screen/words/en.ts';

const known = { server: '10.0.0.1:1', ca: `sha256:${'0a'.repeat(32)}`, ip: 'dhcp', vlan: '', nic: '' };
const [page, serial] = [
  { columns: 79, rows: 25 },
  { columns: 79, rows: 24 },
];

let status: Status;
let written: string;
let applied: unknown[];
let host: FormHost;

const write = (text: string) => {
  written += text;
};

beforeEach(() => {
  status = new Status('https://10.0.0.1:1');
  written = '';
  applied = [];
  host = {
    status,
    words: known,
    canOpen: () => !status.model.busy,
    findMemory: async () => ({ can: true, say: () => '/dev/sdb' }),
    apply: async (...what) => void applied.push(what),
  };
});

function onLine(): FormTerminal {
  return new FormTerminal({
    inner: lineTerminal(write, en),
    write,
    page: plainPage(write, { size: serial, words: en }),
    host,
    kind: 'line',
  });
}

function onPage(): FormTerminal {
  const plain = plainPage(write, { size: page, words: en });
  const inner = pageTerminal(plain, () => 'F2 or s: settings');
  return new FormTerminal({ inner, write, page: plain, host, kind: 'page' });
}

function type(terminal: FormTerminal, keys: string): string {
  written = '';
  terminal.press(new KeyDecoder().push(Buffer.from(keys)));
  return written;
}

describe('on a serial line', () => {
  it('is opened by s or Enter, and nothing overdraws it: messages follow when it is left', () => {
    const terminal = onLine();
    expect(type(terminal, 'x')).toBe('');
    expect(type(terminal, '\r')).toContain('Deploy-OS settings');
    written = '';
    terminal.log({ level: 'warning', message: 'half duplex' });
    status.update({ stage: () => 'looking around' });
    terminal.draw(status);
    expect(written).not.toContain('half duplex');
    // The form says by itself how the machine stands.
    expect(written).toContain(';1Hlooking around\x1b[K');
    expect(type(terminal, '\x03')).toBe('\x1b[2J\x1b[HWARNING: half duplex\r\nDeploy-OS | looking around\r\n');
  });

  it('applies what was confirmed, once, and takes no key meanwhile', async () => {
    const terminal = onLine();
    await Promise.resolve(type(terminal, 's'));
    type(terminal, '\x1b[A\ryes\r\x03s\x1b[A\ryes\r');
    expect(applied).toEqual([[known, true]]);
  });

  it('makes way for a job, and is not opened while one runs', () => {
    const terminal = onLine();
    type(terminal, 's');
    status.update({ busy: true });
    // Confirmed at the very moment.
    type(terminal, '\x1b[A\ryes\r');
    expect(applied).toEqual([]);
    written = '';
    terminal.draw(status);
    expect(written).not.toContain('settings');
    expect(type(terminal, 's')).toBe('');
  });
});

describe('on the screen', () => {
  it('is offered in the last line and opened by F2 or s, and the page comes back whole', () => {
    const terminal = onPage();
    terminal.draw(status);
    expect(written).toContain('\x1b[25;1HF2 or s: settings\x1b[K');
    expect(type(terminal, '\r')).toBe('');
    const form = type(terminal, '\x1b[[B');
    expect(form).toContain('\x1b[2J');
    expect(form.endsWith(`\x1b[5;${16 + known.ip.length}H\x1b[?25h`)).toBe(true);
    expect(type(terminal, 'a')).not.toContain('\x1b[2J');
    expect(type(terminal, '\x0c')).toContain('\x1b[2J');
    expect(type(terminal, '\x03')).toContain('\x1b[?25l\x1b[2J\x1b[1;1HDeploy-OS ');
  });

  it('says where the settings will be remembered as soon as it is known', async () => {
    const terminal = onPage();
    expect(type(terminal, 's')).toContain('not remembered: looking for the medium');
    await Promise.resolve();
    await Promise.resolve();
    expect(written).toContain('yes, on /dev/sdb');
  });
});
