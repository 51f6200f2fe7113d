// Changes one file in a hundred of a bench's disk, half of them in place and half as package managers do it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { type BenchFileSystem, withMounted } from './make-disk.ts';

/** The files' bytes in all. `changed` becomes a copy of `disk` with the changes. */
export function changeOnePercent(disk: string, changed: string, fileSystem: BenchFileSystem): number {
  execFileSync('cp', ['--sparse=always', disk, changed]);
  let bytes = 0;
  withMounted(
    changed,
    (root) => {
      const find = [root, '-xdev', '-type', 'f', '-size', '+0', '-print0'];
      const files = execFileSync('find', find, { encoding: 'utf8', maxBuffer: 2 ** 28 })
        .split('\0')
        .sort();
      for (let i = 50; i < files.length; i += 100) bytes += changeFile(files[i] as string, i % 200 === 50);
    },
    fileSystem,
  );
  return bytes;
}

/** A new version differs from the old in a few places. */
function changeFile(file: string, inPlace: boolean): number {
  const content = fs.readFileSync(file);
  for (let at = 100 % content.length; at < content.length; at += 3000) content[at] = (content[at] as number) ^ 1;
  if (inPlace) fs.writeFileSync(file, content, { flag: 'r+' });
  else {
    fs.writeFileSync(`${file}.new`, content);
    fs.renameSync(`${file}.new`, file);
  }
  return content.length;
}
