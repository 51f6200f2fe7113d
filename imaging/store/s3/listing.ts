// One page of a bucket's list of objects, as the service answers it.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
import { DeployError } from '../../../protocol/errors.ts';
import { childText, parseXml, type XmlElement } from './xml.ts';

export type S3Object = { readonly key: string; readonly sizeBytes: number; readonly modifiedMs: number };

export type S3Page = {
  /** In order of key, each after the key that was asked for. */
  readonly objects: readonly S3Object[];
  readonly isLast: boolean;
};

/**
 * The page that follows the key `after`. What is out of order is refused: then every page goes on where the one before ended, and
 * no answer makes a caller go round in circles.
 * @throws server-error
 */
export function parseListing(bytes: Uint8Array, after: string): S3Page {
  const root = parseXml(bytes);
  if (root.name !== 'ListBucketResult') throw unexpected(`its root is '${root.name.slice(0, 40)}'`);
  const encoded = childText(root, 'EncodingType') === 'url';
  const objects = root.children.filter(({ name }) => name === 'Contents').map((entry) => readObject(entry, encoded));
  let last = after;
  for (const { key } of objects) {
    if (Buffer.compare(Buffer.from(key), Buffer.from(last)) <= 0) throw unexpected('its keys are out of order');
    last = key;
  }
  const truncated = childText(root, 'IsTruncated');
  if (truncated !== 'true' && truncated !== 'false') throw unexpected('it does not say whether it is whole');
  if (truncated === 'true' && objects.length === 0) throw unexpected('it is empty and yet to be continued');
  return { objects, isLast: truncated === 'false' };
}

function readObject(entry: XmlElement, encoded: boolean): S3Object {
  const key = childText(entry, 'Key') ?? '';
  const size = childText(entry, 'Size') ?? '';
  const modifiedMs = Date.parse(childText(entry, 'LastModified') ?? '');
  if (key === '' || !/^\d{1,15}$/.test(size) || Number.isNaN(modifiedMs))
    throw unexpected('an object is not described');
  return { key: encoded ? decodeKey(key) : key, sizeBytes: Number(size), modifiedMs };
}

function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    throw unexpected('a key is not encoded as announced');
  }
}

function unexpected(why: string): DeployError {
  return new DeployError('server-error', `the service's list of objects is not understood: ${why}`);
}
