import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DeployError, errorCatalogue, fromErrorBody, toDeployError, toErrorBody } from '../../protocol/errors.ts';

const page = fs.readFileSync(path.join(import.meta.dirname, '../../docs/errors.md'), 'utf8');

test('docs/errors.md explains every code once, with its exit status and HTTP status', () => {
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (\d+) \| (.+) \| (.+) \|$/gm)];
  const documented = rows.map(([, code, exitStatus, httpStatus]) => [code, Number(exitStatus), Number(httpStatus)]);
  const known = Object.entries(errorCatalogue).map(([code, { exitStatus, httpStatus }]) => [
    code,
    exitStatus,
    httpStatus,
  ]);
  expect(documented.toSorted()).toEqual(known.toSorted());
});

test('an error comes through the wire with its code, message and hint', () => {
  const error = new DeployError('store-full', 'no room', { hint: 'make some' });
  expect(fromErrorBody(toErrorBody(error))).toMatchObject({
    code: 'store-full',
    message: 'no room',
    hint: 'make some',
  });
});

test('a code of a newer peer becomes server-error and keeps its words', () => {
  expect(fromErrorBody({ code: 'toString', message: 'x' })).toMatchObject({ code: 'server-error', message: 'x' });
});

test('gerunds stand in front and keep code and hint', () => {
  const error = new DeployError('target-write', 'writing /dev/sda: EIO', { hint: 'look' }).during('restoring web-01');
  expect(error).toMatchObject({
    code: 'target-write',
    message: 'restoring web-01: writing /dev/sda: EIO',
    hint: 'look',
  });
});

test('anything thrown becomes an error of the catalogue', () => {
  expect(toDeployError('text')).toMatchObject({ code: 'internal', message: 'text' });
  expect(toDeployError(new Error('x'), 'store-io')).toMatchObject({ code: 'store-io', message: 'x' });
});
