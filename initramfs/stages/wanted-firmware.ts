// Stage 3 b: which of the drivers name firmware, and which of that is not in.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { BuildCache } from '../build-cache.ts';
import { runTool } from '../run-tool.ts';

/** Files below /usr/lib/firmware; a name may have wildcards. */
export type DriverFirmware = { readonly driver: string; readonly files: readonly string[] };

/** What the modules below `root` name in their headers; `digest` is that of all of them. */
export async function listWantedFirmware(
  root: string,
  { digest, cache, signal }: { digest: string; cache: BuildCache; signal?: AbortSignal | undefined },
): Promise<DriverFirmware[]> {
  const { path } = await cache.obtain('module-firmware', `${digest}.json`, async (to) => {
    const entries = await readdir(join(root, 'lib/modules'), { withFileTypes: true, recursive: true });
    const modules = entries
      .filter(({ name }) => name.endsWith('.ko'))
      .map(({ name, parentPath }) => join(parentPath, name));
    const text = modules.length === 0 ? '' : await runTool('modinfo', modules.sort(), { signal, hint: 'install kmod' });
    await writeFile(to, JSON.stringify(parseModinfo(text)));
  });
  return JSON.parse(await readFile(path, 'utf8')) as DriverFirmware[];
}

/** Each module's lines begin with `filename:`. */
export function parseModinfo(text: string): DriverFirmware[] {
  const drivers: { driver: string; files: string[] }[] = [];
  for (const [, name, value = ''] of text.matchAll(/^(filename|firmware): +(.+)$/gm)) {
    if (name === 'filename') drivers.push({ driver: basename(value, '.ko'), files: [] });
    else drivers.at(-1)?.files.push(value);
  }
  return drivers
    .filter(({ files }) => files.length > 0)
    .map(({ driver, files }) => ({ driver, files: [...new Set(files)].sort() }))
    .sort((a, b) => a.driver.localeCompare(b.driver, 'en'));
}

/** The same without what lies in `folder`, as it is or compressed as the kernel reads it. */
export async function findAbsentFirmware(
  wanted: readonly DriverFirmware[],
  folder: string | undefined,
): Promise<DriverFirmware[]> {
  const present = folder === undefined ? [] : await listFiles(folder);
  const has = (file: string) => {
    const exact = file
      .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    const pattern = new RegExp(`^${exact}(\\.xz|\\.zst)?$`);
    return present.some((name) => pattern.test(name));
  };
  return wanted
    .map(({ driver, files }) => ({ driver, files: files.filter((file) => !has(file)) }))
    .filter(({ files }) => files.length > 0);
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map(({ name, parentPath }) => relative(folder, join(parentPath, name)));
}
