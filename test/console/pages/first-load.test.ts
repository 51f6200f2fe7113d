// How much a browser fetches before the first page stands.
import { expect, it } from 'vitest';
import { Console } from './support.ts';

const limitBytes = 150 * 1024;

type Asset = { name: string; transferSize: number; encodedBodySize: number };
/** The page itself, scripts and styles; the icon is the browser's own affair. */
const listAssets = `performance.getEntries()
  .filter(({ entryType, name }) => entryType === 'navigation' || /[.](js|css)$/.test(name))
  .map(({ name, transferSize, encodedBodySize }) => ({ name, transferSize, encodedBodySize }))`;

it('the first load is under 150 KB as it crosses the wire, and the second fetches no asset again', async () => {
  await using console = await Console.start();
  await console.addUser('ann', 'viewer');
  const page = await console.openAs('ann', '/machines');
  const assetsOf = () => page.evaluate<Asset[]>(listAssets);
  const first = await assetsOf();
  expect(first.length).toBeGreaterThan(3);
  const total = first.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  expect(total).toBeGreaterThan(10 * 1024);
  expect(total).toBeLessThan(limitBytes);
  await page.reload();
  await page.getByRole('heading', { name: 'Machines' }).waitFor();
  const fetched = (await assetsOf()).filter(({ name, transferSize }) => name.includes('/assets/') && transferSize > 0);
  expect(fetched).toEqual([]);
});
