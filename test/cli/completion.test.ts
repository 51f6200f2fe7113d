// What shells complete, asked in a real bash.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const main = path.join(import.meta.dirname, '../../cli/main.ts');
const write = (shell: string): string =>
  execFileSync(process.execPath, [main, 'completion', shell], { encoding: 'utf8' });

describe('completion for bash', () => {
  let script = '';
  beforeAll(() => {
    script = write('bash');
  });

  /** What is offered for the last of the words. */
  function complete(...words: string[]): string[] {
    const ask = `COMP_WORDS=(deploy-os "$@"); COMP_CWORD=$#; _deploy_os; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const text = execFileSync('bash', ['-c', `set -u\n${script}\n${ask}`, 'bash', ...words], { encoding: 'utf8' });
    return text.split('\n').filter((line) => line !== '');
  }

  it('offers verbs, also behind flags, and flags of the verb that is typed', () => {
    expect(complete('mach')).toEqual(['machine']);
    expect(complete('user', '')).toEqual(['list', 'add', 'set', 'remove']);
    expect(complete('user', '--json', 's')).toEqual(['set']);
    expect(complete('user', 'add', '--ro')).toEqual(['--role']);
    expect(complete('image', 'capture', '--')).toContain('--partition');
    expect(complete('image', '--')).toEqual(['--help']);
  });

  it('offers what a word may be, and files where it may be any', () => {
    expect(complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(complete('image', 'capture', '--store', '')).toEqual([]);
  });
});

it('zsh and fish get every verb, too', () => {
  expect(write('zsh')).toMatch(/'image'\) verbs=\(.*'capture:[A-Z]/);
  expect(write('fish')).toContain(`complete -c deploy-os -n '__deploy_os_at \\'image\\'' -a 'capture' -d '`);
});
