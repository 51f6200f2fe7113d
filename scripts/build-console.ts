// Builds the console into console/dist when what it is made from has changed: `npm run console`. A build takes a few seconds.
import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const root = path.join(import.meta.dirname, '..');
const folder = path.join(root, 'console/dist');
const stampFile = path.join(folder, 'stamp');

/** Smaller files gain nothing that is worth a second file. */
const worthCompressingBytes = 1024;

/** A digest of the sources, of the locked packages and of this script. */
async function digestSources(): Promise<string> {
  const sources = globSync(['console/**/*', 'protocol/*.ts'], {
    cwd: root,
    withFileTypes: true,
    exclude: ['console/dist'],
  })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(`${folder}${path.sep}`));
  const hash = createHash('sha256');
  for (const file of [...sources, path.join(root, 'package-lock.json'), import.meta.filename].sort()) {
    const content = await readFile(file);
    hash.update(`${path.relative(root, file)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

async function build(): Promise<void> {
  const { build: buildByVite } = await import('vite');
  const environment = process.env.NODE_ENV;
  // Tests build as well, and what they build is served and packaged: never Svelte's own checks for developers.
  process.env.NODE_ENV = 'production';
  try {
    await buildByVite({ configFile: path.join(root, 'console/vite.config.ts') });
  } finally {
    if (environment === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = environment;
  }
  await Promise.all((await readdir(folder, { recursive: true })).map((name) => compress(path.join(folder, name))));
}

/** Beside each file what the server sends of it to browsers that know Brotli or gzip, which is all of them. */
async function compress(file: string): Promise<void> {
  if (!/\.(js|css|html|svg|json)$/.test(file)) return;
  const content = await readFile(file);
  if (content.length < worthCompressingBytes) return;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  await writeFile(`${file}.br`, await promisify(brotliCompress)(content, { params }));
  await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }));
}

/** True when there was something to do. */
export async function buildConsole(): Promise<boolean> {
  const digest = await digestSources();
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === digest) return false;
  await build();
  await writeFile(stampFile, digest);
  return true;
}

if (import.meta.main) {
  const built = await buildConsole();
  console.log(`console: ${built ? 'built' : 'up to date'} in console/dist`);
}
