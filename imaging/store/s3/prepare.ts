// The first thing that is asked of a bucket: is it a store, or shall it become one?
import { DeployError } from '../../../protocol/errors.ts';
import { checkMarker, markerName, markerText } from '../store-marker.ts';
import type { S3Bucket } from './bucket.ts';
import type { S3Location } from './location.ts';

/** A wrong host shows here, and is not worth the patience that a capture under way has. */
const retryForMs = 15_000;
const maxMarkerBytes = 4096;

/** After this the prefix is a store of the known version. @throws store-not-found, store-version, and what the service refuses */
export async function prepareBucket(bucket: S3Bucket, { label }: S3Location, create: boolean): Promise<void> {
  let marker = await bucket.get(markerName, maxMarkerBytes, { retryForMs });
  if (marker === null && create && (await isEmpty(bucket))) {
    // Two makers at once make the same.
    await bucket.put(markerName, Buffer.from(markerText));
    marker = await bucket.get(markerName, maxMarkerBytes);
  }
  if (marker !== null) return checkMarker(label, marker.toString());
  throw new DeployError('store-not-found', `${label} is not an image store`, {
    hint: create
      ? 'Name a bucket or a prefix that is empty to make a store there.'
      : 'Check the bucket and the prefix; `deploy-os image capture` makes a store in an empty one.',
  });
}

async function isEmpty(bucket: S3Bucket): Promise<boolean> {
  const { objects } = await bucket.page('', '');
  return objects.length === 0;
}
