import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatKeyFile, makeKeyFile, parseKeyFile } from '../../../imaging/crypt/key-file.ts';

const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));

test('a key file reads back as the secret that was written, whatever it is', () => {
  fc.assert(
    fc.property(secrets, (bytes) => {
      expect(parseKeyFile(formatKeyFile(bytes))).toMatchObject({ kind: 'file', bytes });
    }),
  );
});

test('two key files are never the same', () => {
  expect(makeKeyFile()).not.toBe(makeKeyFile());
});

test('typed in from paper without comments and dashes, in small letters, with O for 0 and l for 1, it is the same', () => {
  fc.assert(
    fc.property(secrets, (bytes) => {
      const text = formatKeyFile(bytes);
      const [head, id, ...lines] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      const typed = lines.map((line) => {
        const [number, symbols] = line.split(' ') as [string, string];
        return `  ${number}   ${symbols.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')}  `;
      });
      expect(parseKeyFile([head, id, '', ...typed].join('\r\n'))).toEqual(parseKeyFile(text));
    }),
  );
});

test('a wrong symbol is found, with the line it is in', () => {
  const lines = formatKeyFile(Buffer.alloc(32, 'secret')).split('\n');
  for (let line = 4; line < 8; line++) {
    const wrong = lines.map((text, i) =>
      i === line ? text.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) : text,
    );
    expect(() => parseKeyFile(wrong.join('\n'))).toThrow(`line ${line - 3} is mistyped`);
  }
});

test('two lines in the wrong order, a missing line, another id and foreign text are key-corrupt', () => {
  const text = formatKeyFile(Buffer.alloc(32, 'secret'));
  const lines = text.split('\n');
  const swapped = lines
    .with(4, lines[5] as string)
    .with(5, lines[4] as string)
    .join('\n');
  const other = formatKeyFile(Buffer.alloc(32, 'other')).split('\n')[3] as string;
  for (const bad of [swapped, lines.toSpliced(6, 1).join('\n'), lines.with(3, other).join('\n'), '', `${text}5 x\n`]) {
    expect(() => parseKeyFile(bad)).toThrow(expect.objectContaining({ code: 'key-corrupt' }));
  }
});

test('no text makes the reader do anything but refuse it', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 5000 }), (text) => {
      expect(() => parseKeyFile(text)).toThrow(expect.objectContaining({ code: 'key-corrupt' }));
    }),
  );
});
