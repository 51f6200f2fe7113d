// Verbs that do much have a file each, which is loaded only when the verb is asked for: a list of images need not load what restores them.
import type { Command } from 'commander';

export type VerbFiles = Readonly<Record<string, () => Promise<{ addVerb(noun: Command): void }>>>;

/** Adds the verb that is asked for to its noun; all of them if it is none of these, as for `--help`. */
export async function addVerbs(noun: Command, files: VerbFiles, asked?: string): Promise<void> {
  const wanted = asked !== undefined && Object.hasOwn(files, asked) ? [asked] : Object.keys(files);
  for (const file of await Promise.all(wanted.map((verb) => files[verb]?.()))) file?.addVerb(noun);
}
