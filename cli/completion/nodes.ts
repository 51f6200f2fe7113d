// The tree of commands as completions need it: what may come after each word.
import type { Command, Option } from 'commander';

export type Flag = {
  readonly name: string;
  readonly says: string;
  /** What the word after it is: none, one of these, or anything, in which a shell completes names of files. */
  readonly value: null | 'any' | readonly string[];
};

export type Node = {
  /** `image capture`; empty for `deploy-os` itself. */
  readonly path: string;
  readonly verbs: readonly { readonly name: string; readonly says: string }[];
  readonly flags: readonly Flag[];
  /** What its first argument may be, if that is known. */
  readonly choices: readonly string[];
};

export function listNodes(command: Command, path = ''): Node[] {
  const node: Node = {
    path,
    verbs: command.commands.map((verb) => ({ name: verb.name(), says: verb.description() })),
    flags: [...command.options.flatMap(toFlag), { name: '--help', says: 'Show what there is', value: null }],
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [node, ...command.commands.flatMap((verb) => listNodes(verb, `${path} ${verb.name()}`.trim()))];
}

function toFlag({ long, description, required, optional, argChoices }: Option): Flag[] {
  if (long === undefined || long === null) return [];
  const value = required || optional ? (argChoices ?? 'any') : null;
  return [{ name: long, says: description, value }];
}

/** In single quotes a shell takes everything as it is. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
