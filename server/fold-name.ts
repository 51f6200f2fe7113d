/** Two names that a person would take for one are the same: for the names of users, groups and tags, and for what is searched for. */
export function foldName(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}
