// The answers of an S3 service that are XML, read with bounds: a small strict reader for the elements, text and entities they consist of.
// https://www.w3.org/TR/xml/ (no document types, no CDATA) and https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
import { DeployError } from '../../../protocol/errors.ts';

export type XmlElement = { readonly name: string; readonly text: string; readonly children: readonly XmlElement[] };

type OpenElement = { name: string; text: string; children: XmlElement[] };

const maxDepth = 16;
const maxElements = 50_000;

const startOrEnd =
  /<(?<end>\/?)(?:[A-Za-z_][\w.-]*:)?(?<name>[A-Za-z_][\w.-]*)(?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*(?<empty>\/?)>/y;
const ignored = /<\?xml\s[^<>]*\?>|<!--(?:[^-]|-[^-])*-->/y;
const characters = /[^<]+/y;

/** The root element of a document in UTF-8; names without their name space. @throws server-error */
export function parseXml(bytes: Uint8Array): XmlElement {
  const source = decode(bytes);
  const root: OpenElement = { name: '', text: '', children: [] };
  const open = [root];
  let elements = 0;
  for (let at = 0; at < source.length; ) {
    const inner = open.at(-1) ?? fail('it is not nested properly');
    const match = (pattern: RegExp): RegExpExecArray | null => {
      pattern.lastIndex = at;
      const found = pattern.exec(source);
      if (found !== null) at = pattern.lastIndex;
      return found;
    };
    const text = match(characters)?.[0];
    if (text !== undefined) inner.text += decodeEntities(text);
    else if (match(ignored) === null) {
      const { end, name = '', empty } = match(startOrEnd)?.groups ?? fail('it is not well-formed');
      if (++elements > maxElements || open.length > maxDepth) fail('it has too many elements');
      if (end === '/') closeElement(open, name, empty);
      else {
        const element: OpenElement = { name, text: '', children: [] };
        inner.children.push(element);
        if (empty !== '/') open.push(element);
      }
    }
  }
  const [only, ...more] = root.children;
  if (open.length > 1 || only === undefined || more.length > 0 || root.text.trim() !== '')
    fail('it has no single root');
  return only as XmlElement;
}

function closeElement(open: OpenElement[], name: string, empty: string | undefined): void {
  if (open.length < 2 || open.at(-1)?.name !== name || empty === '/') fail('it is not nested properly');
  open.pop();
}

/** The text of the child of that name, if there is one. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return fail('it is not UTF-8');
  }
}

const entities: { readonly [name: string]: string } = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&([^;&]{0,10})(;?)/g, (_, name: string, semicolon: string) => {
    const code = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    const point = code === null ? -1 : Number.parseInt(code[1] ?? code[2] ?? '', code[1] === undefined ? 10 : 16);
    const decoded = point >= 0 && point <= 0x10ffff ? String.fromCodePoint(point) : entities[name];
    if (semicolon === '' || decoded === undefined) fail('it has an unknown entity');
    return decoded as string;
  });
}

function fail(why: string): never {
  throw new DeployError('server-error', `the service's XML is not understood: ${why}`);
}
