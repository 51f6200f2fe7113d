// Makes the pictures of the console in docs/images/console: every page of made-up data, in a real browser, small.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { shrinkPng } from './small-png.ts';

const root = path.join(import.meta.dirname, '..');
const folder = path.join(root, 'docs/images/console');
const { status } = spawnSync(
  'vitest',
  ['run', '--project', 'console', 'test/console/pages/every-page.test.ts', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, DEPLOY_OS_SCREENSHOTS: folder } },
);
for (const name of readdirSync(folder).filter((file) => file.endsWith('.png'))) {
  const file = path.join(folder, name);
  const picture = readFileSync(file);
  // With a palette it has been here before.
  if (picture[25] !== 3) writeFileSync(file, shrinkPng(picture));
}
process.exitCode = status ?? 1;
