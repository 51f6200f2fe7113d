// `deploy-os completion`: what makes a shell complete verbs and flags, generated from the commands themselves.
import { Argument, type Command } from 'commander';
import { writeBash } from './completion/bash.ts';
import { writeFish } from './completion/fish.ts';
import { listNodes } from './completion/nodes.ts';
import { writeZsh } from './completion/zsh.ts';

const writers = { bash: writeBash, zsh: writeZsh, fish: writeFish };

export function addCommands(program: Command): void {
  program
    .command('completion')
    .description('Print what makes your shell complete verbs and flags')
    .addArgument(new Argument('<shell>').choices(Object.keys(writers)))
    .action((shell: keyof typeof writers) => {
      process.stdout.write(writers[shell](listNodes(program)));
    });
}
