import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findViolations, listImports } from '../../scripts/check-imports.ts';

const script = path.join(import.meta.dirname, '../../scripts/check-imports.ts');

function violationsOf(files: Record<string, string>): string[] {
  return findViolations(new Map(Object.entries(files)));
}

describe('the import rules', () => {
  test('imports are found whatever their form', () => {
    const text = [
      "import './a.ts';",
      "import { b } from './b.ts';",
      "import type { C } from '../c.ts';",
      "export * from './d.ts';",
      'import {\n  e,\n} from "./e.ts";',
      "const f = await import('./f.ts');",
      "import path from 'node:path';",
    ].join('\n');
    const expected = ['x/a.ts', 'x/b.ts', 'c.ts', 'x/d.ts', 'x/e.ts', 'x/f.ts'];
    expect(listImports('x/y.ts', text).sort()).toEqual(expected.sort());
  });

  test('the engine may take the errors of the protocol and nothing else', () => {
    expect(violationsOf({ 'imaging/a.ts': "import { DeployError } from '../protocol/errors.ts';" })).toEqual([]);
    expect(violationsOf({ 'imaging/a.ts': "import { schema } from '../protocol/job.ts';" })).toEqual([
      'imaging/a.ts: imaging/ may not import protocol/job.ts',
    ]);
  });

  test('neither the server nor the console reaches into the agent', () => {
    expect(violationsOf({ 'server/a.ts': "import '../agent/main.ts';" })).toHaveLength(1);
    expect(violationsOf({ 'console/a.ts': "import '../server/main.ts';" })).toHaveLength(1);
    expect(violationsOf({ 'cli/a.ts': "import('../agent/main.ts');" })).toEqual([]);
  });

  test('an import of a type counts as an import', () => {
    expect(violationsOf({ 'protocol/a.ts': "import type { Disk } from '../imaging/disk.ts';" })).toHaveLength(1);
  });

  test('a folder without a rule is refused', () => {
    expect(violationsOf({ 'helpers/a.ts': '' })[0]).toMatch(/has no import rule/);
  });

  test('a cycle is named from file to file', () => {
    const files = {
      'imaging/a.ts': "import './b.ts';",
      'imaging/b.ts': "import './c.ts';",
      'imaging/c.ts': "import './a.ts';",
    };
    expect(violationsOf(files)).toEqual(['import cycle: imaging/a.ts → imaging/b.ts → imaging/c.ts → imaging/a.ts']);
  });

  test('a file over 300 lines is refused unless it is a test', () => {
    const long = 'x;\n'.repeat(301);
    expect(violationsOf({ 'server/a.ts': long })).toEqual(['server/a.ts: 301 lines, at most 300']);
    expect(violationsOf({ 'test/a.test.ts': long, 'server/b.ts': 'x;\n'.repeat(300) })).toEqual([]);
  });
});

describe('the command', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'check-imports-'));
    mkdirSync(path.join(root, 'server'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('it succeeds on a tree that keeps the rules', () => {
    writeFileSync(path.join(root, 'server/a.ts'), "import '../imaging/b.ts';\n");
    expect(execFileSync(process.execPath, [script, root], { encoding: 'utf8' })).toMatch(/of 1 files: 0 violations/);
  });

  test('it fails on a tree that breaks one and says where', () => {
    writeFileSync(path.join(root, 'server/a.ts'), "import '../agent/b.ts';\n");
    const run = spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
    expect(run.status).toBe(1);
    expect(run.stderr).toContain('server/a.ts: server/ may not import agent/b.ts');
  });
});
