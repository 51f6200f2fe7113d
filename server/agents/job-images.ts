// What of the store a machine's job may read: the images that its steps name, and their chunks; and under which names it may store any.

import { digestOf } from '../../imaging/chunk/digest.ts';
import { machineEscrowPrefix } from '../../imaging/manifest/image-name.ts';
import type { ChunkStore, Digest } from '../../imaging/store/chunk-store.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { listSelectorImages, selectorOf } from '../../protocol/expand-steps.ts';
import type { DiskSelector, Step } from '../../protocol/scenario.ts';
import { ImageChunks } from './image-chunks.ts';

/** Images of jobs whose chunks are known to this server: some 40 bytes a chunk. The one that was used longest ago is forgotten first. */
const maxKnown = 32;
/** An image that a step of the job has made meanwhile, or that took the place of another, is looked for this often at most. */
const lookEveryMs = 1000;

/** Of all jobs: many restore the same image. */
export class KnownImages {
  readonly #store: ChunkStore;
  readonly #known = new Map<Digest, ImageChunks>();

  constructor(store: ChunkStore) {
    this.#store = store;
  }

  /** Null when there is no such image (any more). */
  async find(name: string): Promise<ImageChunks | null> {
    const manifest = await this.#store.getManifest(name).catch((thrown: unknown) => {
      if (toDeployError(thrown).code === 'image-not-found') return null;
      throw thrown;
    });
    if (manifest === null) return null;
    const digest = digestOf(manifest);
    const image = this.#known.get(digest) ?? new ImageChunks(this.#store, manifest);
    this.#known.delete(digest);
    this.#known.set(digest, image);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxKnown) break;
      this.#known.delete(oldest);
    }
    return image;
  }
}

export class JobImages {
  readonly #known: KnownImages;
  readonly #steps: readonly Step[];
  readonly #escrowPrefix: string;
  readonly #names: ReadonlySet<string>;
  #images: readonly ImageChunks[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | null = null;

  constructor(
    known: KnownImages,
    { machineId, steps }: { readonly machineId: string; readonly steps: readonly Step[] },
  ) {
    this.#known = known;
    this.#steps = steps;
    this.#escrowPrefix = machineEscrowPrefix(machineId);
    this.#names = new Set(steps.flatMap(namesRead));
  }

  /** @throws DeployError forbidden */
  requireReadable(name: string): void {
    if (!this.#names.has(name)) throw forbidden(`names no image '${name}'`);
  }

  /** @throws DeployError forbidden */
  requireOwn(name: string): void {
    if (this.#steps.some((step) => step.kind === 'capture' && step.image === name)) return;
    if (name.startsWith(this.#escrowPrefix) && this.#steps.some((step) => step.kind === 'restore')) return;
    throw forbidden(`captures no image '${name}'`);
  }

  /** @throws DeployError forbidden; and what reading the image's segments throws */
  async requireChunk(digest: Digest): Promise<void> {
    if ((await this.#has(digest)) || ((await this.#lookAgain()) && (await this.#has(digest)))) return;
    throw forbidden('names no image with this chunk');
  }

  async #has(digest: Digest): Promise<boolean> {
    for (const image of this.#images) if (await image.has(digest)) return true;
    return false;
  }

  /** False when that was done a moment ago. */
  async #lookAgain(): Promise<boolean> {
    if (this.#looking === null && performance.now() - this.#lookedMs < lookEveryMs) return false;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
    return true;
  }

  async #look(): Promise<void> {
    const found = await Promise.all([...this.#names].map((name) => this.#known.find(name)));
    // What was read before may be read on: the agent goes by the manifest that it has.
    const images = found.filter((image) => image !== null);
    this.#images = [...images, ...this.#images.filter((image) => !images.includes(image))].slice(0, maxKnown);
    this.#lookedMs = performance.now();
  }
}

/** The image that a capture is to make is looked for first: an earlier try of the same job may have made it. */
function namesRead(step: Step): string[] {
  switch (step.kind) {
    case 'capture':
      return [step.image, ...given(step.parent), ...namesIn(step.source)];
    case 'restore':
      return [step.image, ...given(step.was), ...namesIn(step.target)];
    default:
      return listSelectorImages(selectorOf(step));
  }
}

function namesIn(selector: DiskSelector): string[] {
  if (selector.by === 'each') return selector.of.flatMap(namesIn);
  return selector.by === 'image' ? [selector.image] : [];
}

function given(name: string | undefined): string[] {
  return name === undefined ? [] : [name];
}

function forbidden(what: string): DeployError {
  return new DeployError('forbidden', `this machine's job ${what}`);
}
