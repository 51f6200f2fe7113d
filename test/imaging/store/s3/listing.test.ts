import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRefusal } from '../../../../imaging/store/s3/answer-error.ts';
import { parseListing } from '../../../../imaging/store/s3/listing.ts';
import { parseXml } from '../../../../imaging/store/s3/xml.ts';
import { DeployError } from '../../../../protocol/errors.ts';

const escapes: { [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#x27;',
};
const escapeText = (text: string) => text.replaceAll(/[&<>"']/g, (character) => escapes[character] ?? '');
const modified = '2026-11-24T10:11:28.858Z';
const contents = (key: string, size = '5') =>
  `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>&quot;e&quot;</ETag><Size>${size}</Size></Contents>`;
const page = (inner: string, truncated = 'false') =>
  Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` +
      `<Name>b</Name><Prefix/><IsTruncated>${truncated}</IsTruncated>${inner}</ListBucketResult>`,
  );

/** Whatever the bytes: a value, or an error of the catalogue. */
function holds<Value>(parse: () => Value): Value | DeployError {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof DeployError && thrown.code === 'server-error') return thrown;
    throw thrown;
  }
}

describe('the list of objects', () => {
  it('is read as it was written, whatever the keys', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
    const keysOf = fc.uniqueArray(text, { maxLength: 20 });
    fc.assert(
      fc.property(keysOf, fc.boolean(), (unsorted, encoded) => {
        const keys = unsorted.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const written = keys.map((key) => contents(encoded ? encodeURIComponent(key) : escapeText(key)));
        const kind = encoded ? '<EncodingType>url</EncodingType>' : '';
        const { objects, isLast } = parseListing(page(kind + written.join('')), '');
        expect(objects.map(({ key }) => key)).toEqual(keys);
        expect(isLast).toBe(true);
      }),
    );
  });

  it('says how large and how old objects are', () => {
    const { objects } = parseListing(page(contents('a', '16777228'), 'true'), '');
    expect(objects).toEqual([{ key: 'a', sizeBytes: 16_777_228, modifiedMs: Date.parse(modified) }]);
  });

  it.each([
    ['keys out of order', page(contents('b') + contents('a'))],
    ['a key twice', page(contents('a') + contents('a'))],
    ['keys from before the page', page(contents('A'))],
    ['a page without keys that is to be continued', page('', 'true')],
    ['a size that is none', page(contents('b', '-1'))],
    ['a size without end', page(contents('b', '9'.repeat(99)))],
    ['a key that is not encoded as announced', page(`<EncodingType>url</EncodingType>${contents('b%')}`)],
    ['another document', Buffer.from('<Error><Code>NoSuchBucket</Code></Error>')],
    ['no word on whether it is whole', page('', 'perhaps')],
  ])('is refused with %s', (_, bytes) => {
    expect(() => parseListing(bytes, 'a')).toThrow(expect.objectContaining({ code: 'server-error' }));
  });

  it('is an answer or a server-error, whatever bytes come', () => {
    const whole = page(contents('a') + contents('b'), 'true');
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(changes, fc.nat(whole.length), (writes, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const [at, value] of writes) if (at < length) bytes[at] = value;
        holds(() => parseListing(bytes, ''));
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void holds(() => parseListing(bytes, ''))));
  });
});

describe('the XML of a service', () => {
  const fails = (text: string | Uint8Array) =>
    expect(() => parseXml(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'server-error' }));

  it.each([
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a/>text',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<a>&x;</a>',
    '<a>&</a>',
    '<a>&#x110000;</a>',
    '<a><![CDATA[x]]></a>',
    '<a b=c/>',
    '<a b="<"/>',
  ])('is refused where it is not what services write: %s', (text) => fails(text));

  it('is refused when it is not UTF-8, too deep or too full of elements', () => {
    fails(Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e]));
    fails('<a>'.repeat(1000) + '</a>'.repeat(1000));
    fails(`<a>${'<b/>'.repeat(60_000)}</a>`);
  });

  it('takes time in proportion to its length, whatever it repeats', () => {
    const startedMs = performance.now();
    for (const part of ['<a ', '<', '<a b="', '&', '<!-', '<!--', ' ', '<a:', '<?xml ', '-', '&amp;', '<a b="c" ']) {
      holds(() => parseXml(Buffer.from(part.repeat(50_000))));
      holds(() => parseXml(Buffer.from(`<x>${part.repeat(50_000)}`)));
      holds(() => parseXml(Buffer.from(`<x${part.repeat(50_000)}`)));
    }
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});

describe('a refusal', () => {
  it('is read from an error document, and from the status where there is none', () => {
    const body = '<Error><Code>AccessDenied</Code><Message>No.</Message><Region>eu</Region></Error>';
    expect(readRefusal(403, {}, Buffer.from(body))).toMatchObject({
      code: 'AccessDenied',
      message: 'No.',
      region: 'eu',
    });
    expect(readRefusal(418, {}, Buffer.from('<html>'))).toMatchObject({ code: '', message: 'HTTP status 418' });
  });

  it('brings nothing into a message that a terminal would obey, and nothing long', () => {
    const body = `<Error><Code>X</Code><Message>&#27;[2J&#8238;${'y'.repeat(9999)}</Message></Error>`;
    const { message } = readRefusal(400, {}, Buffer.from(body));
    expect(message).toMatch(/^ \[2J y+$/);
    expect(message.length).toBeLessThanOrEqual(300);
  });
});
