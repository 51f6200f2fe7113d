// GET /v1/keys: wrapped, so that they are worth nothing to whoever has neither a key file nor a passphrase
import { wrappedKeysSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';

export const getKeys: Route = {
  method: 'GET',
  path: '/v1/keys',
  access: 'operator',
  doc: { summary: "The store's wrapped keys, base64", answer: wrappedKeysSchema },
  handle: async ({ store }) => ({ keys: (await store.listKeys()).map((key) => key.toString('base64')) }),
};
