// Parses LVM2's text metadata: nested sections of names with numbers, strings and lists of both.
// Grammar: lvm2 libdm/libdm-config.c; written by lib/format_text/export.c.
import { corrupt } from './distrust.ts';

export type LvmScalar = number | string;
export type LvmSection = Map<string, LvmScalar | readonly LvmScalar[] | LvmSection>;

/** Real metadata nests four deep: volume group, logical volumes, one of them, its segments. */
const maxDepth = 8;
/** Blanks and comments, then a string, a word (name or number) or a mark. Each part can match in one way only, so no text takes long. */
const tokenPattern = /\s*(?:#[^\n]*\n\s*)*(?:"((?:[^"\\]|\\[\s\S])*)"|([\w.+-]+)|([{}[\]=,]))/y;
const endPattern = /\s*(?:#[^\n]*\n\s*)*(?:#[^\n]*)?$/y;

type Token = { readonly kind: 'string' | 'word' | 'mark' | 'end'; readonly text: string };

/** @throws DeployError file-system-corrupt when `text` is no such text */
export function parseLvmConfig(text: string): LvmSection {
  return new Parser(text).parseSection(0);
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to the brace that closes it, or for the outermost to the end. */
  parseSection(depth: number): LvmSection {
    if (depth > maxDepth) throw corrupt('its metadata are nested too deep');
    const section: LvmSection = new Map();
    for (;;) {
      const name = this.#next();
      if (depth === 0 ? name.kind === 'end' : isMark(name, '}')) return section;
      if (name.kind !== 'word' || section.has(name.text)) throw this.#unexpected(name);
      const mark = this.#next();
      if (isMark(mark, '{')) section.set(name.text, this.parseSection(depth + 1));
      else if (isMark(mark, '=')) section.set(name.text, this.#parseValue());
      else throw this.#unexpected(mark);
    }
  }

  #parseValue(): LvmScalar | LvmScalar[] {
    const first = this.#next();
    return isMark(first, '[') ? this.#parseList() : this.#toScalar(first);
  }

  #parseList(): LvmScalar[] {
    const list: LvmScalar[] = [];
    let token = this.#next();
    while (!isMark(token, ']')) {
      list.push(this.#toScalar(token));
      token = this.#next();
      if (isMark(token, ',')) token = this.#next();
      else if (!isMark(token, ']')) throw this.#unexpected(token);
    }
    return list;
  }

  #toScalar(token: Token): LvmScalar {
    if (token.kind === 'string') return token.text;
    const value = token.kind === 'word' ? Number(token.text) : Number.NaN;
    if (Number.isNaN(value)) throw this.#unexpected(token);
    return value;
  }

  #next(): Token {
    tokenPattern.lastIndex = this.#at;
    const [all, string, word, mark] = tokenPattern.exec(this.#text) ?? [];
    if (all === undefined) return this.#end();
    this.#at += all.length;
    if (string !== undefined) return { kind: 'string', text: string.replaceAll(/\\([\s\S])/g, '$1') };
    return word === undefined ? { kind: 'mark', text: mark ?? '' } : { kind: 'word', text: word };
  }

  #end(): Token {
    endPattern.lastIndex = this.#at;
    if (!endPattern.test(this.#text)) throw corrupt(`its metadata make no sense at character ${this.#at}`);
    return { kind: 'end', text: 'the end' };
  }

  #unexpected(token: Token): Error {
    return corrupt(`its metadata have an unexpected '${token.text.slice(0, 40)}' before character ${this.#at}`);
  }
}

function isMark(token: Token, mark: string): boolean {
  return token.kind === 'mark' && token.text === mark;
}

/** The subsection `name`; empty when there is none. */
export function sectionOf(section: LvmSection, name: string): LvmSection {
  const found = section.get(name);
  return found instanceof Map ? found : new Map();
}

/** The subsections of `section`, by name. */
export function sectionsIn(section: LvmSection): [name: string, section: LvmSection][] {
  return [...section].filter((entry): entry is [string, LvmSection] => entry[1] instanceof Map);
}

/** A count or place: a whole number from 0 to 2^48. @throws DeployError file-system-corrupt when it is none */
export function numberOf(section: LvmSection, name: string): number {
  const found = section.get(name);
  if (typeof found === 'number' && Number.isInteger(found) && found >= 0 && found <= 2 ** 48) return found;
  throw corrupt(`its metadata have no usable ${name}`);
}

/** A string, or null. */
export function textOf(section: LvmSection, name: string): string | null {
  const found = section.get(name);
  return typeof found === 'string' ? found : null;
}

/** A list; empty when there is none. */
export function listOf(section: LvmSection, name: string): readonly LvmScalar[] {
  const found = section.get(name);
  return Array.isArray(found) ? found : [];
}
