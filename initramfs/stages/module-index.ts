// Part of stage 3: which module files a list of names and folders stands for, by depmod's own tables.
import type { KernelConcern } from '../../kernel-config/concern.ts';

/** The kernel's modules by file (`kernel/drivers/ata/ahci.ko.xz`) and by name (with underscores). */
export type ModuleIndex = {
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  readonly fileByName: ReadonlyMap<string, string>;
  readonly softDependencies: ReadonlyMap<string, readonly string[]>;
  readonly namesByAlias: ReadonlyMap<string, readonly string[]>;
  readonly builtin: ReadonlySet<string>;
};

/** The texts of modules.dep, modules.softdep, modules.alias and modules.builtin (see modules.dep(5), modprobe.d(5)). */
export type ModuleTables = {
  readonly dep: string;
  readonly softdep: string;
  readonly alias: string;
  readonly builtin: string;
};

export function parseModuleIndex(tables: ModuleTables): ModuleIndex {
  const dependencies = new Map<string, string[]>();
  for (const [, file = '', needs = ''] of tables.dep.matchAll(/^(\S+):(.*)$/gm)) {
    dependencies.set(file, needs.split(' ').filter(Boolean));
  }
  const softDependencies = new Map<string, string[]>();
  for (const [, name = '', rest = ''] of tables.softdep.matchAll(/^softdep (\S+) (.*)$/gm)) {
    const needs = rest.split(' ').filter((word) => word !== '' && word !== 'pre:' && word !== 'post:');
    softDependencies.set(name, [...(softDependencies.get(name) ?? []), ...needs]);
  }
  const namesByAlias = new Map<string, string[]>();
  for (const [, alias = '', name = ''] of tables.alias.matchAll(/^alias ([^*\s]+) (\S+)$/gm)) {
    namesByAlias.set(alias, [...(namesByAlias.get(alias) ?? []), name]);
  }
  return {
    dependencies,
    fileByName: new Map([...dependencies.keys()].map((file) => [nameOf(file), file])),
    softDependencies,
    namesByAlias,
    builtin: new Set(tables.builtin.split('\n').filter(Boolean).map(nameOf)),
  };
}

/** The files that the concerns ask for, with everything they need, sorted; and the names that the kernel does not know. */
export function chooseModules(
  index: ModuleIndex,
  concerns: readonly Pick<KernelConcern, 'modules' | 'leaveOut'>[],
): { files: string[]; unknown: string[] } {
  const unknown: string[] = [];
  const chosen = new Set<string>();
  const choose = (file: string): void => {
    if (chosen.has(file)) return;
    chosen.add(file);
    for (const needed of [...(index.dependencies.get(file) ?? []), ...softNeeds(index, file)]) choose(needed);
  };
  for (const { modules, leaveOut = [] } of concerns) {
    for (const wanted of modules) {
      const found = wanted.endsWith('/') ? listFolder(index, wanted, leaveOut) : listNamed(index, wanted);
      if (found === undefined) unknown.push(wanted);
      for (const file of found ?? []) choose(file);
    }
  }
  return { files: [...chosen].sort(), unknown };
}

/** The files of these modules and of all that they need, each after those that it needs; `dep` is the text of modules.dep. */
export function orderOfLoading(dep: string, names: readonly string[]): string[] {
  const { dependencies, fileByName } = parseModuleIndex({ dep, softdep: '', alias: '', builtin: '' });
  const files = names.map((name) => fileByName.get(name)).filter((file) => file !== undefined);
  // depmod lists what a module needs in the reverse of the order of loading (modules.dep(5)).
  return [...new Set(files.flatMap((file) => [...(dependencies.get(file) ?? []).toReversed(), file]))];
}

/** `kernel/drivers/ata/ata_piix.ko.xz` → `ata_piix`; hyphens become underscores, as the kernel has them. */
function nameOf(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1);
  return base.replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

function listFolder(index: ModuleIndex, folder: string, leaveOut: readonly string[]): string[] | undefined {
  const inside = [...index.dependencies.keys()].filter((file) => file.startsWith(`kernel/${folder}`));
  if (inside.length === 0) return undefined;
  const dropped = (file: string) =>
    leaveOut.some((drop) =>
      drop.endsWith('/') ? file.startsWith(`kernel/${drop}`) : nameOf(file) === drop.replaceAll('-', '_'),
    );
  return inside.filter((file) => !dropped(file));
}

function listNamed(index: ModuleIndex, wanted: string): string[] | undefined {
  const name = wanted.replaceAll('-', '_');
  const file = index.fileByName.get(name);
  if (file !== undefined) return [file];
  return index.builtin.has(name) ? [] : undefined;
}

/** Soft dependencies name modules or aliases; one that nothing stands for is none. */
function softNeeds(index: ModuleIndex, file: string): string[] {
  const needs = index.softDependencies.get(nameOf(file)) ?? [];
  return needs.flatMap((need) => {
    const names = index.namesByAlias.get(need) ?? [need.replaceAll('-', '_')];
    return names.map((name) => index.fileByName.get(name)).filter((found) => found !== undefined);
  });
}
