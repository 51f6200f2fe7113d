// Part of stage 4: of Node's tables for 500 languages and 190 character sets, a quarter of its image, English stays.
import { DeployError } from '../../protocol/errors.ts';

/** Bumped when another choice of data makes another Node out of the same binary. */
export const languageDataVersion = 1;

const headerMagic = 0x27da;
/** Bytes of UDataInfo before its `dataFormat`, header included. */
const formatOffset = 12;
const leastEntries = 100;
/** Of these folders only what every language shares; English has no files of its own there, or the agent has no use for them. */
const sharedOnly = ['brkitr', 'coll', 'rbnf', 'translit'];

/**
 * Blanks in a Node binary, in place, what ICU has on other languages, and answers how many bytes that were. The tables stay in their
 * places, so that nothing else moves: ICU takes what it cannot read for a language that it does not have, and falls back to its root.
 * Layout: ICU's common data, `UDataInfo` (udata.h) and `UDataOffsetTOC` (ucmndata.h), of which Node has one.
 * @throws build-failed when there is none
 */
export function blankLanguageData(binary: Buffer): number {
  const entries = readEntries(binary);
  let blanked = 0;
  for (const [i, { name, offset }] of entries.entries()) {
    const end = entries[i + 1]?.offset;
    if (end === undefined || isKept(name)) continue;
    binary.fill(0, offset, end);
    blanked += end - offset;
  }
  return blanked;
}

type Entry = { readonly name: string; readonly offset: number };

/** In the order in which their bytes lie. */
function readEntries(binary: Buffer): Entry[] {
  for (let at = binary.indexOf('CmnD'); at >= 0; at = binary.indexOf('CmnD', at + 1)) {
    const header = at - formatOffset;
    if (header < 0 || binary.readUInt16LE(header + 2) !== headerMagic) continue;
    const table = header + binary.readUInt16LE(header);
    const count = binary.readUInt32LE(table);
    if (count < leastEntries) continue;
    const entries = Array.from({ length: count }, (_, i) => {
      const nameAt = table + binary.readUInt32LE(table + 4 + 8 * i);
      const offset = table + binary.readUInt32LE(table + 8 + 8 * i);
      return { name: binary.toString('latin1', nameAt, binary.indexOf(0, nameAt)), offset };
    });
    return entries.sort((a, b) => a.offset - b.offset);
  }
  throw new DeployError('build-failed', 'this Node has no language data where it is looked for', {
    hint: 'Node has changed: see initramfs/stages/language-data.ts',
  });
}

/** `icudt78l/lang/de_AT.res`: the package, a folder or none, and what it is of. */
function isKept(name: string): boolean {
  const [, folder = '', file = ''] = /^[^/]+\/(?:([^/]+)\/)?([^/]+)$/.exec(name) ?? [];
  if (!file.endsWith('.res')) return !/\.(cnv|brk|dict|spp)$|^(unames|confusables)\./.test(file);
  if (sharedOnly.includes(folder)) return file === 'root.res' || file === 'res_index.res';
  const language = /^([a-z]{2,3})(_\w+)?\.res$/.exec(file)?.[1];
  return language === undefined || language === 'en';
}
