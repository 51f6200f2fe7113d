// Files of an unmounted ext2/3/4, read by debugfs: it opens the device read-only, and needs no bitmaps and no device node of the partition.
import { DeployError } from '../../protocol/errors.ts';
import { runTool } from '../run-tool.ts';
import { type FileContent, type FileEntry, plainName, type WantedFiles } from './file-content.ts';

/** Where the file system starts on the device or file at `path`. */
export type ExtPlace = { readonly path: string; readonly startBytes: number };

export const extProgram = 'debugfs';

/**
 * What is there of `files` and `folders`; together no more than 64 KiB, of which the first is lost when there is more. Links are not
 * followed at the end of a path.
 * @throws tool-missing; file-system-corrupt with debugfs's words; cancelled
 */
export async function readExtFiles(
  { path, startBytes }: ExtPlace,
  { files, folders }: WantedFiles,
  signal: AbortSignal,
): Promise<FileContent> {
  if (path.includes('?')) throw new DeployError('invalid-input', `debugfs cannot open ${path}`);
  const commands = [...folders.map((folder) => `ls -p "${folder}"`), ...files.map((file) => `cat "${file}"`)];
  const device = `${path}?offset=${startBytes}`;
  const input = commands.map((command) => `${command}\n`).join('');
  const { status, stdout, said } = await runTool(extProgram, ['-c', '-f', '-', device], { input, signal });
  const answers = splitAnswers(stdout, commands);
  if (status !== 0 || answers.size === 0) {
    throw new DeployError('file-system-corrupt', `debugfs: ${said.split('\n').at(-1) ?? 'nothing'}`);
  }
  const answerTo = (command: string) => answers.get(command) ?? '';
  return {
    files: new Map(
      files.map((file) => [file, answerTo(`cat "${file}"`)] as const).filter(([, content]) => content !== ''),
    ),
    folders: new Map(folders.map((folder) => [folder, parseListing(answerTo(`ls -p "${folder}"`))])),
  };
}

/** debugfs repeats each command in front of its answer, in order. A file that holds such a line can only lie about files after it. */
function splitAnswers(stdout: string, commands: readonly string[]): Map<string, string> {
  const answers = new Map<string, string>();
  let rest = stdout;
  for (const [i, command] of commands.entries()) {
    const start = rest.indexOf(`debugfs: ${command}\n`);
    if (start < 0) continue;
    rest = rest.slice(start + command.length + 10);
    const next = commands[i + 1];
    const end = next === undefined ? -1 : rest.indexOf(`debugfs: ${next}\n`);
    answers.set(command, end < 0 ? rest : rest.slice(0, end));
  }
  return answers;
}

/** `/inode/mode/owner/group/name/size/` */
function parseListing(answer: string): FileEntry[] {
  return [...answer.matchAll(/^\/\d+\/100\d{3}\/\d+\/\d+\/([^/\n]+)\/(\d+)\/$/gm)]
    .map(([, name = '', size]) => ({ name, sizeBytes: Number(size) }))
    .filter(({ name }) => plainName.test(name));
}
