// What a check of a store reports (docs/operations/stores.md, "Checking a store"), and where in which images the damage lies.
import { type DeployError, type ErrorCode, toDeployError } from '../../protocol/errors.ts';
import { isSealedManifest, parseStoredManifest } from '../crypt/sealed-manifest.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Digest } from './chunk-store.ts';
import type { Place, PlacedChunk } from './image-parts.ts';

/** Bytes of a disk, and the numbers of the partitions that they touch, as far as the manifest tells. */
export type LostPlace = Place & { readonly partitions: readonly number[] };

export type ChunkUse = {
  readonly image: string;
  /** The first hundred of `placeCount`, in order; none for an encrypted image, of which a store does not know them. */
  readonly places: LostPlace[];
  placeCount: number;
};

export type StoreProblem = {
  readonly code: ErrorCode;
  readonly message: string;
  /** Null for a manifest that cannot be read. */
  readonly digest: Digest | null;
  /** Empty where no image needs the chunk. */
  readonly uses: ChunkUse[];
  /** Moved aside by `--repair`: the next capture of the same content sends it anew. */
  setAside: boolean;
};

export type DamagedImage = {
  readonly name: string;
  /** What was captured: its capture, or any other of the same content, makes the image whole again. */
  readonly source: { readonly label: string; readonly serial: string | null };
  chunks: number;
  lostBytes: number;
};

const maxPlaces = 100;
const maxProblems = 1000;
const noFindings: Findings = { problems: [], problemCount: 0, damagedImages: [] };

/** What a report says in the result of a check. */
export type Findings = {
  /** The first thousand. */
  readonly problems: readonly StoreProblem[];
  readonly problemCount: number;
  readonly damagedImages: readonly DamagedImage[];
};

/** What cannot be read is as lost as what reads wrong. @throws `thrown`, if it is no finding but the end of the check */
export function asDamage(thrown: unknown): DeployError {
  const error = toDeployError(thrown);
  const damage = ['chunk-corrupt', 'chunk-not-found', 'manifest-corrupt', 'manifest-version', 'store-io'];
  if (!damage.includes(error.code)) throw thrown;
  return error;
}

export class CheckReport {
  readonly #problems: StoreProblem[];
  readonly #damagedImages: Map<string, DamagedImage>;
  readonly #byDigest = new Map<Digest, StoreProblem>();
  #problemCount: number;

  /** Goes on where another report ended. */
  constructor({ problems, problemCount, damagedImages }: Findings = noFindings) {
    this.#problems = [...problems];
    this.#problemCount = problemCount;
    this.#damagedImages = new Map(damagedImages.map((image) => [image.name, image]));
    for (const problem of problems) if (problem.digest !== null) this.#byDigest.set(problem.digest, problem);
  }

  findings(): Findings {
    const damagedImages = [...this.#damagedImages.values()];
    return { problems: this.#problems, problemCount: this.#problemCount, damagedImages };
  }

  has(digest: Digest): boolean {
    return this.#byDigest.has(digest);
  }

  isDamaged(imageName: string): boolean {
    return this.#damagedImages.has(imageName);
  }

  note(error: DeployError, digest: Digest | null): void {
    if (digest !== null && this.#byDigest.has(digest)) return;
    this.#problemCount++;
    if (this.#problems.length >= maxProblems) return;
    const problem = { code: error.code, message: error.message, digest, uses: [], setAside: false };
    this.#problems.push(problem);
    if (digest !== null) this.#byDigest.set(digest, problem);
  }

  markSetAside(digest: Digest): void {
    const problem = this.#byDigest.get(digest);
    if (problem !== undefined) problem.setAside = true;
  }

  /** Called for each place of each lost chunk, image by image. */
  addUse(image: ImageFacts, { digest, place }: PlacedChunk): void {
    this.#addToImage(image, place?.lengthBytes ?? 0);
    const uses = this.#byDigest.get(digest)?.uses;
    if (uses === undefined) return;
    let use = uses.at(-1);
    if (use?.image !== image.name) {
      use = { image: image.name, places: [], placeCount: 0 };
      uses.push(use);
    }
    use.placeCount++;
    if (place === null || use.places.length >= maxPlaces) return;
    use.places.push({ ...place, partitions: partitionsAt(image.partitions, place) });
  }

  #addToImage({ name, source }: ImageFacts, lengthBytes: number): void {
    const damaged = this.#damagedImages.get(name) ?? { name, source, chunks: 0, lostBytes: 0 };
    damaged.chunks++;
    damaged.lostBytes += lengthBytes;
    this.#damagedImages.set(name, damaged);
  }
}

export type ImageFacts = {
  readonly name: string;
  readonly source: { readonly label: string; readonly serial: string | null };
  readonly partitions: Manifest['partitions'];
};

/** What a report says of an image; less of an encrypted one. @throws manifest-corrupt, manifest-version */
export function readImageFacts(bytes: Uint8Array): ImageFacts {
  const manifest = parseStoredManifest(bytes);
  const { name } = manifest;
  if (isSealedManifest(manifest)) return { name, source: { label: 'encrypted', serial: null }, partitions: [] };
  const { label, serial } = manifest.source;
  return { name, source: { label, serial }, partitions: manifest.partitions };
}

/** The numbers of the partitions that a place touches. */
export function partitionsAt(partitions: Manifest['partitions'], { offsetBytes, lengthBytes }: Place): number[] {
  const endBytes = offsetBytes + lengthBytes;
  return partitions
    .filter(({ startBytes, sizeBytes }) => startBytes < endBytes && offsetBytes < startBytes + sizeBytes)
    .map(({ number }) => number);
}
