// Last stage, kexec: which Linux a disk's own boot loader would start, by what its configuration says plainly; the rest is left to the boot loader.
// GRUB's manual, "Writing full configuration files directly"; the Boot Loader Specification (uapi-group.org), "Type #1 Boot Loader Specification Entries".

export type BootEntry = {
  readonly title: string;
  /** Of the file system that the paths are in; null: that of the configuration. */
  readonly fileSystemUuid: string | null;
  readonly kernel: string;
  readonly initrd: string | null;
  readonly options: string;
};

/** GRUB's environment block. */
export type GrubEnvironment = ReadonlyMap<string, string>;

/** Why the boot loader's choice cannot be told. */
export type NoEntry = { readonly reason: string };

/** What distributions append to a command line, and GRUB leaves empty where nobody has set it. */
const usuallyEmpty = new Set(['tuned_params', 'tuned_initrd', 'vt_handoff']);
/** Kernels take no longer one (x86: COMMAND_LINE_SIZE). */
const maxOptions = 2047;
const plainPath = /^\/[\w.@:+,/-]{1,254}$/;

export function parseGrubEnvironment(text: string): GrubEnvironment {
  const lines = [...text.matchAll(/^([a-z]\w*)=(.*)$/gm)];
  return new Map(lines.map(([, name = '', value = '']) => [name, value]));
}

/** True where the entries are files of their own, which `parseLoaderEntry` reads. */
export const usesLoaderEntries = (grubConfig: string): boolean => /^\s*blscfg\b/m.test(grubConfig);

type MenuEntry = { readonly title: string; readonly id: string | null; readonly lines: readonly string[] };

/** The entry that GRUB starts when nobody touches a key. */
export function findGrubEntry(config: string, environment: GrubEnvironment): BootEntry | NoEntry {
  const wanted = findDefault(config, environment);
  if (typeof wanted !== 'string') return wanted;
  const entries = listMenuEntries(config);
  const isWanted = ({ title, id }: MenuEntry) => title === wanted || id === wanted;
  const entry = /^\d+$/.test(wanted) ? entries[Number(wanted)] : entries.find(isWanted);
  // A submenu counts as one entry, and what is in it is named with its own name in front: not looked for.
  if (entry === undefined) return { reason: `GRUB's default '${wanted}' is no entry of its first menu` };
  return readMenuEntry(entry, environment);
}

function findDefault(config: string, environment: GrubEnvironment): string | NoEntry {
  if ((environment.get('next_entry') ?? '') !== '')
    return { reason: "GRUB is told to start another entry once ('next_entry')" };
  const set = [...config.matchAll(/^\s*set\s+default=(["']?)(.*?)\1\s*$/gm)].map(([, , value = '']) => value);
  const values = new Set(set.filter((value) => !/^\$\{?next_entry\}?$/.test(value)));
  const [value = '0', ...others] = values;
  if (others.length > 0) return { reason: `GRUB's configuration sets several defaults` };
  if (/^\$\{?saved_entry\}?$/.test(value)) return environment.get('saved_entry') || '0';
  return value.includes('$') ? { reason: `GRUB's default is '${value}'` } : value;
}

/** Those of the first menu, in order; a submenu is one that has no lines. */
function listMenuEntries(config: string): MenuEntry[] {
  const entries: (MenuEntry & { lines: string[] })[] = [];
  let depth = 0;
  for (const line of config.split('\n')) {
    const [, kind, rest = ''] = /^\s*(menuentry|submenu)\s+(.*)\{\s*$/.exec(line) ?? [];
    if (kind !== undefined && depth++ === 0) {
      const [title = '', ...more] = splitWords(rest) ?? [''];
      const at = more.findIndex((word) => word === '--id' || word === '$menuentry_id_option');
      entries.push({ title, id: at < 0 ? null : (more[at + 1] ?? null), lines: [] });
    } else if (kind === undefined && depth > 0) {
      if (/^\s*\}\s*$/.test(line)) depth--;
      else if (depth === 1) entries.at(-1)?.lines.push(line.trim());
    }
  }
  return entries;
}

function readMenuEntry({ title, lines }: MenuEntry, environment: GrubEnvironment): BootEntry | NoEntry {
  const quoted = `GRUB's default entry '${title.slice(0, 100)}'`;
  const commands = lines.map((line) => splitWords(line));
  const of = (names: RegExp) => commands.filter((words) => names.test(words?.[0] ?? ''));
  const [kernel, ...moreKernels] = of(/^linux(16|efi)?$/);
  const [initrd, ...moreInitrds] = of(/^initrd(16|efi)?$/);
  if (kernel === undefined || kernel === null || moreKernels.length + moreInitrds.length > 0) {
    return { reason: `${quoted} does not start one Linux plainly` };
  }
  const searched = new Set(of(/^search$/).flatMap((words) => (words?.includes('--fs-uuid') ? [words.at(-1)] : ['?'])));
  const [fileSystemUuid = null, ...others] = searched;
  if (others.length > 0 || fileSystemUuid === '?')
    return { reason: `${quoted} looks for its files in more than one way` };
  const [, path = '', ...options] = kernel;
  if (options.some((word) => /\s/.test(word))) return { reason: `${quoted} has options in quotes` };
  return resolveEntry(
    { title, fileSystemUuid, kernel: path, initrds: initrd?.slice(1) ?? [], options: options.join(' ') },
    environment,
  );
}

/** Of an entry's file below `loader/entries`. */
export function parseLoaderEntry(text: string, environment: GrubEnvironment): BootEntry | NoEntry {
  const values = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}[ \\t]+(.*?)[ \\t]*$`, 'gm'))].map(([, value = '']) => value);
  const [kernel = '', ...moreKernels] = values('linux');
  if (kernel === '' || moreKernels.length > 0) return { reason: 'the entry names no kernel, or several' };
  return resolveEntry(
    {
      ...{ title: values('title')[0] ?? kernel, fileSystemUuid: null, kernel },
      ...{ initrds: values('initrd').flatMap((value) => value.split(/[ \t]+/)), options: values('options').join(' ') },
    },
    environment,
  );
}

type RawEntry = Omit<BootEntry, 'initrd'> & { readonly initrds: readonly string[] };

/** Variables get their values, and what then is not plain is refused. */
function resolveEntry(entry: RawEntry, environment: GrubEnvironment): BootEntry | NoEntry {
  const { title, fileSystemUuid } = entry;
  let unknown: string | undefined;
  const expand = (text: string) =>
    text.replaceAll(/\$\{?(\w+)\}?/g, (_, name: string) => {
      const value = environment.get(name);
      if (value === undefined && !usuallyEmpty.has(name)) unknown ??= name;
      return value ?? '';
    });
  const kernel = expand(entry.kernel);
  const initrds = entry.initrds.map(expand).filter((path) => path !== '');
  const options = expand(entry.options).trim();
  if (unknown !== undefined) return { reason: `the entry '${title}' needs a variable of GRUB's, '${unknown}'` };
  if (initrds.length > 1) return { reason: `the entry '${title}' has several initial RAM disks` };
  const strange = [kernel, ...initrds].find((path) => !plainPath.test(path) || path.split('/').includes('..'));
  if (strange !== undefined) return { reason: `the entry '${title}' names '${strange}', which is no plain path` };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a command line cannot hold
  if (options.length > maxOptions || /[\x00-\x1f\x7f]/.test(options)) {
    return { reason: `the options of the entry '${title}' are no kernel command line` };
  }
  return { title, fileSystemUuid, kernel, initrd: initrds[0] ?? null, options };
}

/** Words as GRUB splits them; null where it takes more than that to read the line (its manual, "Quoting"). */
function splitWords(line: string): string[] | null {
  if (/[\\`;|&<>]/.test(line)) return null;
  const words = [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replaceAll(/["']/g, ''));
  return words;
}
