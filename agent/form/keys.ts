// The form: what a keyboard or a serial line sends, as keys. Whatever else comes in (noise, other sequences) is no key.

export type KeyName =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'home'
  | 'end'
  | 'next'
  | 'previous'
  | 'enter'
  | 'backspace'
  | 'delete'
  | 'clear'
  | 'redraw'
  | 'escape'
  | 'settings';

/** A printable character of ASCII, or a key by its name. */
export type Key = { readonly text: string } | { readonly name: KeyName };

const controls: Readonly<Record<number, KeyName>> = {
  1: 'home',
  3: 'escape',
  5: 'end',
  8: 'backspace',
  9: 'next',
  10: 'enter',
  12: 'redraw',
  13: 'enter',
  21: 'clear',
  127: 'backspace',
};

/** After ESC, as the Linux console (console_codes(4)), VT220 and xterm write them; parameters that say which Shift or Ctrl was held are left out. */
const sequences: Readonly<Record<string, KeyName>> = {
  '[A': 'up',
  '[B': 'down',
  '[C': 'right',
  '[D': 'left',
  '[H': 'home',
  '[F': 'end',
  '[Z': 'previous',
  '[1~': 'home',
  '[7~': 'home',
  '[4~': 'end',
  '[8~': 'end',
  '[3~': 'delete',
  '[12~': 'settings',
  '[[B': 'settings',
  OA: 'up',
  OB: 'down',
  OC: 'right',
  OD: 'left',
  OH: 'home',
  OF: 'end',
  OQ: 'settings',
  '\t': 'previous',
};

const esc = 0x1b;
/** No key's sequence is as long; a longer one is read to its end and forgotten. */
const maxSequence = 24;

export class KeyDecoder {
  /** What has come of a sequence since its ESC; null outside of one. */
  #sequence: string | null = null;
  #afterReturn = false;

  /** Whether a sequence has begun whose rest may still be on its way. */
  get isWaiting(): boolean {
    return this.#sequence !== null;
  }

  /** The keys that `bytes` complete; a sequence may come in pieces. */
  push(bytes: Uint8Array): Key[] {
    return [...bytes].flatMap((byte) => this.#take(byte));
  }

  /** Nothing more came for a while: an ESC alone is the key of that name; a piece of a sequence is none. */
  flush(): Key[] {
    const alone = this.#sequence === '';
    this.#sequence = null;
    return alone ? [{ name: 'escape' }] : [];
  }

  #take(byte: number): Key[] {
    const wasReturn = this.#afterReturn;
    this.#afterReturn = byte === 13;
    if (byte === esc) {
      const before = this.flush();
      this.#sequence = '';
      return before;
    }
    if (this.#sequence !== null) return this.#continue(this.#sequence, byte);
    // Some senders end a line by both: that is one Enter.
    if (byte === 10 && wasReturn) return [];
    const name = controls[byte];
    if (name !== undefined) return [{ name }];
    // What is asked for is ASCII; the bytes of other characters (UTF-8) are all beyond it.
    return byte >= 0x20 && byte < 0x7f ? [{ text: String.fromCharCode(byte) }] : [];
  }

  #continue(before: string, byte: number): Key[] {
    const sequence = before + String.fromCharCode(byte);
    if (!isWhole(sequence)) {
      this.#sequence = sequence.slice(0, maxSequence);
      return [];
    }
    this.#sequence = null;
    const name = sequences[sequence.replace(/^\[\d*;\d+(?=[A-Z]$)/, '[').replace(/^(\[\d+);\d+~$/, '$1~')];
    return name === undefined ? [] : [{ name }];
  }
}

/** ECMA-48, 5.4: a control sequence ends with a byte from `@` to `~`. `[[X` is the Linux console's for function keys. */
function isWhole(sequence: string): boolean {
  if (sequence === '[' || sequence === 'O' || sequence === '[[') return false;
  return !sequence.startsWith('[') || /[@-~]$/.test(sequence);
}
