// Makes the pictures of the console in docs/images/console: every page of made-up data, in a real browser, small.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const folder = path.join(root, 'docs/images/console');
const { status } = spawnSync(
  'vitest',
  ['run', '--project', 'console', 'test/console/pages/every-page.test.ts', ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, DEPLOY_OS_SCREENSHOTS: folder } },
);
process.exitCode = status ?? 1;
