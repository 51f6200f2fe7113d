// Where npm put a package of this checkout.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const require = createRequire(import.meta.url);

export function findPackageDir(name: string): string {
  return dirname(require.resolve(`${name}/package.json`));
}
