// Addresses of the console by the browser's history: links inside it change the page without loading it anew.

class Router {
  path = $state('/');
  query = $state.raw(new URLSearchParams());
  /** How many times another page was gone to: the first page does not take the focus, later ones do. */
  moves = $state(0);

  /** `replace`: the page before is not to be gone back to. */
  go(url: string, { replace = false } = {}): void {
    const before = this.path;
    history[replace ? 'replaceState' : 'pushState'](null, '', url);
    this.follow();
    if (this.path !== before) scrollTo(0, 0);
  }

  /** Another query of the same page: a filter, a search. It can be sent to somebody else, and is no step back. */
  setQuery(changes: Readonly<Record<string, string | null>>): void {
    const query = new URLSearchParams(this.query);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === '') query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString();
    history.replaceState(null, '', text === '' ? this.path : `${this.path}?${text}`);
    this.query = query;
  }

  follow(): void {
    if (location.pathname !== this.path) this.moves += 1;
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }
}

export const router = new Router();

export function startRouter(): void {
  router.path = location.pathname;
  router.query = new URLSearchParams(location.search);
  addEventListener('popstate', () => router.follow());
  document.addEventListener('click', followLink);
}

/** A plain click on a link of ours; every other is the browser's. */
function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = (event.target as Element | null)?.closest?.('a');
  if (link === null || link === undefined) return;
  if (link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname.startsWith('/v1/') || link.getAttribute('href')?.startsWith('#')) return;
  event.preventDefault();
  router.go(link.pathname + link.search);
}
