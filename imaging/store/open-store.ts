// From what a person types after --store to a store: a directory, or the URL of a Deploy-OS server.
import { readFile } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import type { ChunkStore } from './chunk-store.ts';
import { openDirectoryStore } from './directory-store.ts';

export type OpenStoreOptions = {
  /** For a server: the operator's token. */
  readonly token?: string;
  /** For a server: the fingerprint of its CA (`sha256:…`), or a PEM file that holds it. */
  readonly ca?: string;
  /** Make the store if the directory is absent or empty. */
  readonly create?: boolean;
};

/** @throws store-not-found, store-version, server-unreachable, server-untrusted, usage */
export async function openStore(location: string, options: OpenStoreOptions = {}): Promise<ChunkStore> {
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
