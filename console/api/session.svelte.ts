// Who uses the console: nobody yet (first set-up), nobody (login), or somebody with a role.
import type { Grant, Role, Setup, User } from '../../protocol/people.ts';
import { get, onUnauthorized, post, remove, request, toApiError } from './client.ts';

type Me = { readonly name: string; readonly role: Role; readonly user: User | null; readonly grants: readonly Grant[] };
type State = 'starting' | 'unreachable' | 'set-up' | 'logged-out' | 'logged-in';

const order: readonly Role[] = ['none', 'viewer', 'operator', 'administrator'];

const isAtLeast = (role: Role, wanted: Role): boolean => order.indexOf(role) >= order.indexOf(wanted);

class Session {
  state = $state<State>('starting');
  me = $state.raw<Me | null>(null);
  /** People may log in at a provider of OpenID Connect. */
  openId = $state(false);
  /** True when a session ended while the console was in use. */
  lapsed = $state(false);

  async start(): Promise<void> {
    try {
      const { needsAdministrator, openId } = await get<Setup>('/v1/setup');
      this.openId = openId;
      if (needsAdministrator) this.state = 'set-up';
      else await this.#enter();
    } catch (thrown) {
      this.state = toApiError(thrown).status === 401 ? 'logged-out' : 'unreachable';
    }
  }

  /** @throws ApiError unauthorized, too-many-requests */
  async logIn(name: string, password: string): Promise<void> {
    await post('/v1/sessions', { name, password });
    await this.#enter();
  }

  /** Makes the first administrator and logs them in. @throws ApiError unauthorized for a wrong token; invalid-input for a short password */
  async setUp(token: string, name: string, password: string): Promise<void> {
    await request('POST', '/v1/users', { token, body: { name, password, role: 'administrator' } });
    await this.logIn(name, password);
  }

  async logOut(): Promise<void> {
    await remove('/v1/sessions/own').catch(() => {});
    this.#leave(false);
  }

  /** On every machine, and where no machine is meant. */
  may(role: Role): boolean {
    return this.me !== null && isAtLeast(this.me.role, role);
  }

  /** On a machine of these groups. */
  mayOn(role: Role, groups: readonly { readonly id: string }[]): boolean {
    const ids = new Set(groups.map(({ id }) => id));
    return this.may(role) || this.#grants.some((grant) => isAtLeast(grant.role, role) && ids.has(grant.groupId));
  }

  /** On some machine; the server decides on which. */
  maySomewhere(role: Role): boolean {
    return this.may(role) || this.#grants.some((grant) => isAtLeast(grant.role, role));
  }

  get #grants(): readonly Grant[] {
    return this.me?.grants ?? [];
  }

  async #enter(): Promise<void> {
    this.me = await get<Me>('/v1/me');
    this.lapsed = false;
    this.state = 'logged-in';
  }

  #leave(lapsed: boolean): void {
    this.lapsed = lapsed;
    this.me = null;
    this.state = 'logged-out';
  }

  lose(): void {
    if (this.state === 'logged-in') this.#leave(true);
  }
}

export const session = new Session();
onUnauthorized(() => session.lose());
