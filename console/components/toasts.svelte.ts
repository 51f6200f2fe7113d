// Short messages of what came of an action, read out when they come; they go by themselves, errors do not.
import type { ApiError } from '../api/client.ts';
import { preferences } from '../i18n/preferences.svelte.ts';
import { sayError } from '../words/translate.ts';

export type Toast = {
  readonly id: number;
  readonly kind: 'good' | 'bad';
  readonly text: string;
  readonly hints?: readonly string[];
};

const shownMs = 6000;

class Toasts {
  shown = $state.raw<readonly Toast[]>([]);
  #next = 1;

  good(text: string): void {
    const id = this.#add({ kind: 'good', text });
    setTimeout(() => this.remove(id), shownMs);
  }

  bad(error: ApiError): void {
    const { text, advice, original } = sayError(error, preferences.language);
    this.#add({ kind: 'bad', text, hints: [advice, original].filter((hint) => hint !== null) });
  }

  remove(id: number): void {
    this.shown = this.shown.filter((toast) => toast.id !== id);
  }

  #add(toast: Omit<Toast, 'id'>): number {
    const id = this.#next++;
    this.shown = [...this.shown.slice(-4), { id, ...toast }];
    return id;
  }
}

export const toasts = new Toasts();
