// From what a person types after --store to a store: a directory, a bucket of an S3 service, or the URL of a Deploy-OS server.
import { readFile } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import type { ChunkStore } from './chunk-store.ts';
import { openDirectoryStore } from './directory-store.ts';
import { isS3Location, parseS3Location } from './s3/location.ts';

export type OpenStoreOptions = {
  /** For a server: the operator's token. */
  readonly token?: string;
  /** For a server: the fingerprint of its CA (`sha256:…`), or a PEM file that holds it. For an S3 service with a CA of its own: the file. */
  readonly ca?: string;
  /** Make the store if the directory is absent or empty, or if there is nothing below the bucket's prefix. */
  readonly create?: boolean;
  /** How long an S3 service may be away before an operation fails; 15 minutes unless told. */
  readonly retryForMs?: number;
};

/** @throws store-not-found, store-version, server-unreachable, server-untrusted, usage; for S3, what openS3Store throws */
export async function openStore(location: string, options: OpenStoreOptions = {}): Promise<ChunkStore> {
  if (location === '') {
    // As a path it would be the current directory.
    throw new DeployError('usage', 'no store is named: the name is empty', {
      hint: 'Give a directory or a URL with --store, or in DEPLOY_OS_STORE.',
    });
  }
  if (isS3Location(location)) return openS3(location, options);
  if (!location.startsWith('https://')) return openDirectoryStore(location, { create: options.create ?? false });
  const { token, ca } = options;
  if (token === undefined || ca === undefined) {
    throw new DeployError('usage', `the store ${location} is a server: it wants a token and a CA`, {
      hint: 'Give --token and --ca, or set DEPLOY_OS_TOKEN and DEPLOY_OS_CA; the server prints both when it starts.',
    });
  }
  // Loaded only when asked for: the agent and the tests of the engine do without.
  const [{ openHttpStore }, { fetchPinnedCa }] = await Promise.all([
    import('./http-store.ts'),
    import('./pinned-ca.ts'),
  ]);
  const pem = ca.startsWith('sha256:') ? (await fetchPinnedCa(location, ca)).ca : await readFile(ca, 'utf8');
  return openHttpStore({ url: location, ca: pem, headers: { authorization: `Bearer ${token}` } });
}

async function openS3(location: string, { ca, create = false, retryForMs }: OpenStoreOptions): Promise<ChunkStore> {
  if (ca?.startsWith('sha256:')) {
    throw new DeployError('usage', 'the CA of an S3 service is given as a PEM file, not as a fingerprint', {
      hint: 'Unset DEPLOY_OS_CA, which is for a Deploy-OS server, or give --ca FILE; public CAs need neither.',
    });
  }
  const { openS3Store } = await import('./s3-store.ts');
  return openS3Store(parseS3Location(location), {
    create,
    ...(ca === undefined ? {} : { ca: await readFile(ca, 'utf8') }),
    ...(retryForMs === undefined ? {} : { retryForMs }),
  });
}
