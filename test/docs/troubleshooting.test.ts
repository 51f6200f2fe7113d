// docs/troubleshooting.md has every message that the sources can show, in the order in which a person looks for it, and no other.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { en } from '../../agent/screen/words/en.ts';
import { signs } from '../../agent/watch/kernel-lines.ts';
import { errorCatalogue } from '../../protocol/errors.ts';
import { checkCodes } from '../../server/doctor/finding.ts';
import { literalsBehind, matchesOf, placeholder, textsOf } from '../fixtures/docs/messages.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../docs/troubleshooting.md'), 'utf8');

const sectionOf = (heading: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';

type Row = { readonly message: string; readonly next: string };

/** Rows of the tables of a section, and what their second column says; a row may have several messages. */
function rowsOf(heading: string): Row[] {
  return [...sectionOf(heading).matchAll(/^\| (`[^|]+`) \| ([^|]*) \|/gm)].flatMap(([, cell = '', next = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, message = '']) => ({ message, next: next.trim() })),
  );
}

/** A row may leave out the end of a message. */
function isSaid(message: string, said: readonly string[]): boolean {
  return said.some(
    (text) => text === message || (message.endsWith(placeholder) && text.startsWith(message.slice(0, -1).trimEnd())),
  );
}

/** One word or none says nothing by itself: what is put in does. */
const wordsIn = (text: string): number => text.match(/\p{L}{2,}/gu)?.length ?? 0;

function expectBoth(rows: readonly string[], said: readonly string[]): void {
  const missing = said.filter((text) => wordsIn(text) > 1 && !rows.some((row) => isSaid(row, [text])));
  expect(missing, 'messages without a row in docs/troubleshooting.md').toEqual([]);
  expect(
    rows.filter((row) => !isSaid(row, said)),
    'rows of docs/troubleshooting.md that no source says',
  ).toEqual([]);
}

const messagesOf = (heading: string): string[] => rowsOf(heading).map(({ message }) => message);
const ours = (heading: string): string[] =>
  rowsOf(heading).flatMap(({ message, next }) => (next.startsWith('Deploy-OS') ? [message] : []));

const logged = /\blog\(\s*'(?:warning|error)',\s*/g;
/** `dns` is a part of the others. */
const {
  wait,
  stage,
  probe,
  fault,
  medium,
  name: { dns: _, ...name },
} = en;

describe('docs/troubleshooting.md has every message, and no other', () => {
  test('of boot scripts and boot files', () => {
    expectBoth(ours('Before the Deploy-OS runs'), [
      ...matchesOf('server/boot/*-script.ts', /'\s*echo "?([^"'\n]+)/g),
      ...literalsBehind('server/boot-profiles/*.ts', /\bconst notice = /g),
      ...literalsBehind('server/boot/plain-http.ts', /\bsendText\(response, [^,]+(?:\? \d+ : \d+)?, /g).map((text) =>
        text.trim(),
      ),
    ]);
  });

  test('of the status page', () => {
    expectBoth(messagesOf('The status page'), [
      ...textsOf({ wait, stage }),
      ...literalsBehind('agent/1-boot/command-line.ts', /DeployError\('usage', /g),
      ...literalsBehind('agent/main.ts', /const text = /g),
      ...matchesOf('initramfs/files/usr/lib/deploy-os/*', /(?:say "|<3>deploy-os: )([^"|]+)"/g),
    ]);
  });

  test('of the form', () => {
    expectBoth(messagesOf('The form'), [...textsOf({ medium }), ...literalsBehind('agent/form/*.ts', logged)]);
  });

  test("of the agent's network", () => {
    expectBoth(messagesOf("The agent's network"), [
      ...textsOf({ probe, fault, name }),
      ...literalsBehind('agent/{3-server/*,session}.ts', logged),
      ...literalsBehind('agent/3-server/clock.ts', /\breturn (?=`the clock)/g),
    ]);
  });

  test('in a job', () => {
    expectBoth(messagesOf('In a job'), [
      ...literalsBehind('agent/{1-boot,5-job,6-end,watch}/*.ts', logged),
      ...literalsBehind('agent/main.ts', logged),
      ...literalsBehind('agent/watch/*.ts', /\bconst what = /g),
      ...literalsBehind('{agent,imaging}/**/*.ts', /\bonWarning(?:\?\.)?\(\s*/g),
      ...literalsBehind('imaging/store/https-client.ts', /\baway \? /g),
      ...literalsBehind('imaging/{blockdev/bounded-look,wipe/refuse-erasing}.ts', /\b(?:why: |return )(?=`)/g).map(
        (text) => `… ${text}`,
      ),
      ...literalsBehind('server/**/*.ts', /\bappendJobLog\([^'`)]*'(?:warning|error)',\s*/g),
    ]);
  });

  test("of the server's log", () => {
    const section = sectionOf("The server's log");
    const isFault = (message: string): boolean => /^(dhcp|tftp)-[a-z-]+$/.test(message);
    const rows = messagesOf("The server's log");
    const behind = /\blog\.(?:warn|error)\(\s*(?:(?:\{[^{}]*\}|\w+),\s*)?/g;
    expectBoth(
      rows.filter((row) => !isFault(row)),
      literalsBehind('server/**/*.ts', behind),
    );
    expect(section).toContain('| fault |');
    const faults = matchesOf('server/dhcp/{dnsmasq-log,watch-dnsmasq}.ts', /'((?:dhcp|tftp)-[a-z-]+)'/g);
    expect(rows.filter(isFault)).toEqual(faults.toSorted());
  });

  test('of the doctor', () => {
    expectBoth(messagesOf("The doctor's findings"), [
      ...literalsBehind('server/doctor/check-*.ts', /\bmessage:\s*/g),
      ...literalsBehind('server/doctor/check-*.ts', /\bfault\(\s*'[a-z-]+',\s*/g),
      ...literalsBehind('server/doctor/check-*.ts', /\bconst what = /g),
    ]);
    const named = [...sectionOf("The doctor's findings").matchAll(/`([a-z-]+)`/g)].map(([, code]) => code);
    expect(checkCodes.filter((code) => !named.includes(code))).toEqual([]);
  });
});

test('each sign in the kernel’s log that is reported has an example, and each example is reported', () => {
  const examples = messagesOf('From the kernel').map((line) => signs.findIndex(({ pattern }) => pattern.test(line)));
  expect(examples.toSorted((a, b) => a - b)).toEqual([...signs.keys()]);
});

test('each error code says once what state the disk is in', () => {
  const [, ...states] = sectionOf('Error codes, and the state of the disk').split(/^- /m);
  const last = states.pop()?.split('\n\n', 1)[0] ?? '';
  const named = [...states, last].flatMap((state) => [...state.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code));
  expect(named.toSorted()).toEqual(Object.keys(errorCatalogue).toSorted());
});

test('each table is in alphabetical order', () => {
  const tables = page.split(/^\| (?:message|fault) \|.*\n/m).slice(1);
  expect(tables.length).toBeGreaterThan(6);
  for (const table of tables) {
    const [rows = ''] = table.split('\n\n', 1);
    const keys = [...rows.matchAll(/^\| `([^`]+)`/gm)].map(([, message = '']) =>
      message.toLowerCase().replace(/^[^\p{L}]+/u, ''),
    );
    expect(keys).toEqual(keys.toSorted((a, b) => a.localeCompare(b, 'en')));
  }
});
