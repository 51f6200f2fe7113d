// Where the database is: a file beside the images, or a PostgreSQL server that several servers share.
export type DatabaseLocation =
  | { readonly kind: 'sqlite'; readonly path: string }
  /** `url` holds a password; `place` is what may be shown of it. */
  | { readonly kind: 'postgres'; readonly url: string; readonly place: string };

/** Null for what is neither `sqlite:PATH` nor `postgres://[USER[:PASSWORD]@]HOST[:PORT]/NAME[?OPTIONS]`. */
export function parseDatabaseLocation(text: string): DatabaseLocation | null {
  if (text.startsWith('sqlite:')) {
    const path = text.slice('sqlite:'.length).replace(/^\/\//, '');
    return path === '' ? null : { kind: 'sqlite', path };
  }
  if (!/^postgres(ql)?:\/\//.test(text) || !URL.canParse(text)) return null;
  const { host, pathname } = new URL(text);
  if (!/^\/[^/]+$/.test(pathname)) return null;
  return { kind: 'postgres', url: text, place: `postgres://${host}${pathname}` };
}

export function describeLocation(location: DatabaseLocation): string {
  return location.kind === 'sqlite' ? location.path : location.place;
}
