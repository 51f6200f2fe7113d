import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Key, KeyDecoder } from '../../../agent/form/keys.ts';

const decode = (text: string): Key[] => new KeyDecoder().push(Buffer.from(text));

describe('the keys', () => {
  const keys = {
    '\x1b[A': 'up',
    '\x1bOB': 'down',
    '\x1b[1;5C': 'right',
    '\x1b[1~': 'home',
    '\x1b[3~': 'delete',
    '\x1b[3;2~': 'delete',
    '\x1b[[B': 'settings',
    '\x1bOQ': 'settings',
    '\x1b[12~': 'settings',
    '\x1b[Z': 'previous',
    '\x1b\t': 'previous',
    '\t': 'next',
    '\r': 'enter',
    '\n': 'enter',
    '\r\n': 'enter',
    '\x7f': 'backspace',
    '\b': 'backspace',
  };
  for (const [sent, name] of Object.entries(keys)) {
    it(`takes ${JSON.stringify(sent)} for ${name}`, () => expect(decode(sent)).toEqual([{ name }]));
  }

  it('takes what is printable for itself, and nothing for characters beyond ASCII', () => {
    expect(decode('aé:漢\0')).toEqual([{ text: 'a' }, { text: ':' }]);
  });

  it('forgets sequences that mean nothing, however long', () => {
    expect(decode(`\x1b[20~\x1b[${'1;'.repeat(5000)}m\x1bxa`)).toEqual([{ text: 'a' }]);
  });

  it('takes an ESC after which nothing comes for the key, and a piece of a sequence for none', () => {
    const decoder = new KeyDecoder();
    expect(decoder.push(Buffer.from('\x1b'))).toEqual([]);
    expect(decoder.isWaiting).toBe(true);
    expect(decoder.flush()).toEqual([{ name: 'escape' }]);
    decoder.push(Buffer.from('\x1b[1'));
    expect(decoder.flush()).toEqual([]);
    expect(decoder.isWaiting).toBe(false);
  });

  it('makes the same keys of the same bytes, in whatever pieces they come', () => {
    const sent = fc.array(fc.oneof(fc.constantFrom(...Object.keys(keys)), fc.string({ unit: 'binary' })));
    fc.assert(
      fc.property(sent, fc.array(fc.nat(9)), (parts, sizes) => {
        const bytes = Buffer.from(parts.join(''));
        const decoder = new KeyDecoder();
        const pieces: Key[] = [];
        let at = 0;
        for (const size of sizes) {
          pieces.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        pieces.push(...decoder.push(bytes.subarray(at)));
        expect(pieces).toEqual(new KeyDecoder().push(bytes));
      }),
    );
  });
});
