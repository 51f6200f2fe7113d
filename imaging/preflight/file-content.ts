// What the readers of unmounted Linux file systems are asked for, and what they answer.

export type WantedFiles = { readonly files: readonly string[]; readonly folders: readonly string[] };

/** Files by their whole paths; folders by theirs, with the names and sizes of the plain files in them. */
export type FileContent = {
  readonly files: ReadonlyMap<string, string>;
  readonly folders: ReadonlyMap<string, readonly FileEntry[]>;
};

export type FileEntry = { readonly name: string; readonly sizeBytes: number };

export type ReadFiles = (wanted: WantedFiles) => Promise<FileContent>;

/** Names that cannot be taken for anything else in a line of commands. */
export const plainName = /^[\w .@:+,-]{1,200}$/;
