// The languages of the screen, by the value of `deploy.language`.
import { en } from './en.ts';
import { ja } from './ja.ts';
import type { Words } from './words.ts';

export const languages = { en, ja } as const satisfies Record<string, Words>;

export type Language = keyof typeof languages;
