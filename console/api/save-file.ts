// A file of the server's that wants a header, which no link can give: fetched, and handed to the browser to keep.
import { readError } from './client.ts';

/** Takes the whole of it into memory. @throws ApiError */
export async function saveFile(path: string, name: string, headers: Record<string, string>): Promise<void> {
  const response = await fetch(path, { headers, cache: 'no-store' });
  if (!response.ok) throw await readError(response, true);
  const url = URL.createObjectURL(await response.blob());
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
