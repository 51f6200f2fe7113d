import { openHttpStore } from '../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { startTestServer } from '../imaging/store/test-server.ts';
import { storeConformance } from './store-conformance.ts';

storeConformance('the HTTP store', async () => {
  const server = await startTestServer();
  const { url, caFingerprint, operatorToken } = server.running;
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  return {
    open: () => openHttpStore({ url, ca, headers: { authorization: `Bearer ${operatorToken}` } }),
    dispose: () => server.close(),
  };
});
