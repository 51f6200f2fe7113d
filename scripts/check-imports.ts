// Holds the folder rules, the absence of import cycles and the size of files: `npm run imports`.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const maxLines = 300;

/** Every folder may import itself and protocol/errors.ts, and what stands here; the rest of the design is in docs/. */
const mayImport: Record<string, readonly string[] | 'anything'> = {
  protocol: [],
  imaging: [],
  agent: ['imaging', 'protocol'],
  initramfs: ['kernel-config'],
  'kernel-config': [],
  server: ['imaging', 'protocol'],
  console: ['protocol'],
  cli: ['agent', 'imaging', 'initramfs', 'kernel-config', 'protocol', 'server'],
  scripts: 'anything',
  test: 'anything',
};
const sharedByAll = 'protocol/errors.ts';

/** Relative specifiers of static imports, re-exports and `import()`, with or without `type`. */
const importPattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^\s*import\s+)(['"])(\.{1,2}\/[^'"\n]+)\1/gm;

/** The files of ours that `text`, which stands at `file`, imports; paths from the root. */
export function listImports(file: string, text: string): string[] {
  const specifiers = [...text.matchAll(importPattern)].map((match) => match[2] ?? '');
  return [...new Set(specifiers.map((specifier) => path.posix.join(path.posix.dirname(file), specifier)))];
}

function folderOf(file: string): string {
  return file.split('/', 1)[0] ?? '';
}

function isAllowed(from: string, to: string): boolean {
  const [here, there] = [folderOf(from), folderOf(to)];
  if (!from.includes('/') || here === there || to === sharedByAll) return true;
  const allowed = mayImport[here];
  return allowed === 'anything' || (allowed?.includes(there) ?? false);
}

/** One cycle of each knot of files that import each other, as `a.ts → b.ts → a.ts`. */
function findCycles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(file);
    if (seenAt >= 0) cycles.push([...trail.slice(seenAt), file].join(' → '));
    if (seenAt >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return cycles;
}

/** What breaks a rule among `files` (path from the root → text), a line each. */
export function findViolations(files: ReadonlyMap<string, string>): string[] {
  const violations: string[] = [];
  const imports = new Map([...files].map(([file, text]) => [file, listImports(file, text)]));
  for (const [file, targets] of imports) {
    if (file.includes('/') && mayImport[folderOf(file)] === undefined) {
      violations.push(`${file}: ${folderOf(file)}/ has no import rule; add it to scripts/check-imports.ts`);
      continue;
    }
    for (const target of targets) {
      if (!isAllowed(file, target)) violations.push(`${file}: ${folderOf(file)}/ may not import ${target}`);
    }
  }
  for (const cycle of findCycles(imports)) violations.push(`import cycle: ${cycle}`);
  for (const [file, text] of files) {
    const lines = text.split('\n').length - 1;
    if (folderOf(file) !== 'test' && lines > maxLines) violations.push(`${file}: ${lines} lines, at most ${maxLines}`);
  }
  return violations;
}

/** Every .ts and .svelte file below `root`, by its path from there; hidden folders, node_modules and what a build leaves are not looked into. */
export function readSources(root: string): Map<string, string> {
  const skipped = new Set(['node_modules', 'build', 'out', 'dist']);
  const files = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const relative = path.posix.join(folder, entry.name);
      if (entry.name.startsWith('.') || skipped.has(entry.name)) continue;
      if (entry.isDirectory()) walk(relative);
      else if (/\.(ts|svelte)$/.test(entry.name)) files.set(relative, readFileSync(path.join(root, relative), 'utf8'));
    }
  };
  walk('');
  return files;
}

if (import.meta.main) {
  const files = readSources(path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '..')));
  const violations = findViolations(files);
  for (const violation of violations) console.error(violation);
  console.log(`imports and sizes of ${files.size} files: ${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
