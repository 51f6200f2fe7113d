// Puts an object under a name that may be taken, as a manifest's or a key's may, and keeps what is there.
import { DeployError } from '../../../protocol/errors.ts';
import { markerName, markerText } from '../store-marker.ts';
import type { S3Bucket, Stop } from './bucket.ts';
import type { S3Location } from './location.ts';

export class ExclusivePut {
  readonly #bucket: S3Bucket;
  readonly #location: S3Location;
  #isTested = false;

  constructor(bucket: S3Bucket, location: S3Location) {
    this.#bucket = bucket;
    this.#location = location;
  }

  /**
   * False when something else is there. The same bytes are fine: an earlier try may have put them, and its answer been lost.
   * @throws store-unsupported when the service does not keep what it is asked to keep
   */
  async put(key: string, bytes: Uint8Array, stop: Stop): Promise<boolean> {
    if (!(await this.#putIfAbsent(key, bytes, stop))) {
      const there = await this.#bucket.get(key, bytes.length, stop).catch((thrown: unknown) => {
        if (thrown instanceof DeployError && thrown.code === 'too-large') return null;
        throw thrown;
      });
      return there !== null && Buffer.compare(there, bytes) === 0;
    }
    return true;
  }

  async #putIfAbsent(key: string, bytes: Uint8Array, stop: Stop): Promise<boolean> {
    if (this.#location.conditionalPut === 'required') {
      return (await this.#bucket.put(key, bytes, { ...stop, ifAbsent: true })) === 'written';
    }
    if ((await this.#bucket.look(key, stop)) !== null) return false;
    await this.#bucket.put(key, bytes, stop);
    return true;
  }

  /** Finds out, once and before anything depends on it, whether the service keeps names that are taken. @throws store-unsupported */
  async test(): Promise<void> {
    if (this.#isTested || this.#location.conditionalPut === 'off') return;
    this.#isTested = await this.#keepsMarker();
    if (this.#isTested) return;
    const { label } = this.#location;
    throw new DeployError(
      'store-unsupported',
      `the service behind ${label} overwrites an object that it was asked to keep (PUT with If-None-Match)`,
      {
        hint: 'Two captures that end under one name at once could lose an image. If that cannot happen here, add ?conditional-put=off to the URL.',
      },
    );
  }

  /** The marker is there: a service that keeps its promise refuses to write it, and one that ignores the condition writes the same again. */
  async #keepsMarker(): Promise<boolean> {
    try {
      return (await this.#bucket.put(markerName, Buffer.from(markerText), { ifAbsent: true })) === 'exists';
    } catch (thrown) {
      if (thrown instanceof DeployError && thrown.code === 'store-unsupported') return false;
      throw thrown;
    }
  }
}
