// The built console as the server holds it: every file in memory, with what of it was compressed beforehand.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
};

type Encoding = 'br' | 'gzip' | 'identity';

export type ConsoleFile = {
  readonly type: string;
  readonly entityTag: string;
  readonly bodies: ReadonlyMap<Encoding, Buffer>;
};

/** By path from the root of the site (`/assets/index-D4x.js`); null when the console is not built. */
export async function readConsoleFiles(folder: string): Promise<ReadonlyMap<string, ConsoleFile> | null> {
  const names = await readdir(folder, { recursive: true }).catch((): string[] => []);
  if (!names.includes('index.html')) return null;
  const served = names.filter((name) => types[path.extname(name)] !== undefined);
  return new Map(
    await Promise.all(
      served.map(async (name) => [`/${name}`, await readConsoleFile(path.join(folder, name))] as const),
    ),
  );
}

async function readConsoleFile(file: string): Promise<ConsoleFile> {
  const identity = await readFile(file);
  const bodies = new Map<Encoding, Buffer>([['identity', identity]]);
  for (const [encoding, ending] of [
    ['br', '.br'],
    ['gzip', '.gz'],
  ] as const) {
    const body = await readFile(`${file}${ending}`).catch(() => null);
    if (body !== null) bodies.set(encoding, body);
  }
  const digest = createHash('sha256').update(identity).digest('base64url').slice(0, 22);
  return { type: types[path.extname(file)] ?? 'application/octet-stream', entityTag: `"${digest}"`, bodies };
}

/** The smallest that the client takes: `Accept-Encoding` of RFC 9110, 12.5.3, without weights but zero. */
export function chooseEncoding(header: string | undefined, { bodies }: ConsoleFile): Encoding {
  const accepted = (header ?? '')
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => !/;\s*q=0(\.0*)?$/.test(part))
    .map((part) => part.split(';', 1)[0]?.trim());
  const preferred: readonly Encoding[] = ['br', 'gzip'];
  return preferred.find((encoding) => accepted.includes(encoding) && bodies.has(encoding)) ?? 'identity';
}
