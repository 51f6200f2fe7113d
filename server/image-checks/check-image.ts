// One check of an image, done: the engine's recipes (imaging/verify.ts, imaging/prove/), and what they found in the words of the API.
import { availableParallelism } from 'node:os';
import { isSealedManifest, parseStoredManifest } from '../../imaging/crypt/sealed-manifest.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import type { Manifest } from '../../imaging/manifest/manifest.ts';
import type { Progress } from '../../imaging/progress.ts';
import { type ProveResult, proofError, proveImage } from '../../imaging/prove/prove-image.ts';
import { partitionsAt } from '../../imaging/store/check-report.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { type VerifyResult, verifyError, verifyImage } from '../../imaging/verify.ts';
import { type SealedResult, sealedError, verifySealed } from '../../imaging/verify-sealed.ts';
import { DeployError, type ErrorCode, toDeployError, toErrorBody } from '../../protocol/errors.ts';
import { type ImageCheck, type ImageCheckFound, maxKeptProblems } from '../../protocol/image-check.ts';
import type { ImageCheckRow } from '../database/schema.ts';

export type Outcome = Pick<ImageCheck, 'found' | 'error'> & {
  readonly state: 'passed' | 'failed' | 'error' | 'cancelled' | 'interrupted';
};

/** What is said against the image; any other error only says that it could not be told. */
const verdicts: readonly ErrorCode[] = ['chunk-corrupt', 'chunk-not-found', 'manifest-corrupt', 'proof-failed'];

type Run = { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void };
type Asked = Pick<ImageCheckRow, 'image' | 'imageId' | 'kind' | 'boot'>;

/** Never rejects: what goes wrong is the outcome. The other half of the cores is for the machines that the server serves meanwhile. */
export async function checkImage(store: ChunkStore, { image, imageId, kind, boot }: Asked, run: Run): Promise<Outcome> {
  let found: ImageCheckFound | null = null;
  try {
    const stored = parseStoredManifest(await store.getManifest(image, run.signal));
    if (stored.id !== imageId) {
      throw new DeployError('image-not-found', `'${image}' is another image by now than the one that was meant`);
    }
    const options = { ...run, imageName: image, store, workers: Math.ceil(availableParallelism() / 2) };
    if (isSealedManifest(stored)) {
      const result = await verifySealed(stored, options);
      found = readSealed(result);
      return outcomeOf(found, sealedError(result));
    }
    const manifest = await loadManifest(store, image, run.signal);
    const onVerified = (result: VerifyResult): void => {
      found = readVerified(result, manifest);
    };
    if (kind === 'verify') {
      const result = await verifyImage(options);
      onVerified(result);
      return outcomeOf(found, verifyError(result));
    }
    const proof = await proveImage({ ...options, onVerified, ...(boot === 1 ? { boot: { signal: run.signal } } : {}) });
    return outcomeOf(found === null ? null : withProof(found, proof), proofError(proof));
  } catch (thrown) {
    return outcomeOf(found, withServersHint(toDeployError(thrown)));
  }
}

/** The engine's hint is for whoever runs it as root; here it is the server that lacks the right. */
function withServersHint(error: DeployError): DeployError {
  if (error.code !== 'mount-failed') return error;
  return new DeployError('mount-failed', error.message, {
    cause: error,
    hint: "May the server mount? The package's service may not: see docs/operations/image-checks.md, or prove it from another machine, deploy-os image prove NAME --store https://SERVER:PORT.",
  });
}

function outcomeOf(found: ImageCheckFound | null, error: DeployError | null): Outcome {
  if (error === null) return { state: 'passed', found, error: null };
  const state = error.code === 'cancelled' ? 'cancelled' : verdicts.includes(error.code) ? 'failed' : 'error';
  return { state, found, error: toErrorBody(error) };
}

function readVerified(result: VerifyResult, { partitions }: Manifest): ImageCheckFound {
  const problems = result.problems.slice(0, maxKeptProblems).map(({ message: _, ...problem }) => ({
    ...problem,
    partitions: partitionsAt(partitions, problem),
  }));
  const { bytesFetched: bytesRead, usedBytes, problemCount } = result;
  return { bytesRead, usedBytes, problemCount, problems, fileSystems: [], boot: null };
}

function readSealed({ bytesFetched: bytesRead, problems, problemCount }: SealedResult): ImageCheckFound {
  const nowhere = { offsetBytes: null, lengthBytes: null, partitions: [] };
  const shown = problems.slice(0, maxKeptProblems).map(({ code, digest }) => ({ code, digest, ...nowhere }));
  return { bytesRead, usedBytes: null, sealed: true, problemCount, problems: shown, fileSystems: [], boot: null };
}

function withProof(found: ImageCheckFound, { fileSystems, boot }: ProveResult): ImageCheckFound {
  return { ...found, fileSystems: [...fileSystems], boot };
}
