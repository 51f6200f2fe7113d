// What the button "Remove" of a list does.
import { remove } from '../../api/client.ts';
import { act } from '../../components/act.ts';
import { say } from '../../i18n/say.svelte.ts';
import { settingsTexts } from './texts.ts';

/** `folder` is where it is in the API; the list is read again. */
export async function removeSetting(
  folder: string,
  { id, name }: { readonly id: string; readonly name: string },
  list: { load(): Promise<void> },
): Promise<void> {
  await act(async () => {
    await remove(`/v1/${folder}/${id}`);
    return say(settingsTexts).removed(name);
  });
  await list.load();
}
