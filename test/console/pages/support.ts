// What the console's tests share: a page of the browser at a server of this process, somebody logged in, and what must hold on every page.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RunOptions } from 'axe-core';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { inject } from 'vitest';
import type { Role } from '../../../protocol/people.ts';
import type { ServerOptions } from '../../../server/config.ts';
import { TestServer } from '../../server/support.ts';
import '../../fixtures/console/browser-for-all.ts';

export const password = 'correct horse battery';

export class Console implements AsyncDisposable {
  readonly server: TestServer;
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];
  /** What the pages complained of, and every address outside of the server that they asked for. */
  readonly complaints: string[] = [];

  private constructor(server: TestServer, browser: Browser) {
    this.server = server;
    this.#browser = browser;
  }

  static async start(options: Partial<ServerOptions> = {}): Promise<Console> {
    return new Console(await TestServer.start(options), await chromium.connect(inject('browserUrl')));
  }

  async addUser(name: string, role: Role): Promise<void> {
    await this.server.api('POST', '/v1/users', { name, password, role });
  }

  /** A browser without a past. */
  async open(path = '/', options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({
      ignoreHTTPSErrors: true,
      locale: 'en-GB',
      timezoneId: 'Europe/Berlin',
      baseURL: this.server.running.url,
      viewport: { width: 1280, height: 800 },
      ...options,
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(10_000);
    const page = await context.newPage();
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('console', (message) => {
      // A refused login is a 401, and the browser says so; of a WebSocket, whose session ended as it was opened, in other words.
      const refused = /status of 4\d\d|WebSocket connection to .* failed: HTTP Authentication failed/;
      if (message.type() === 'error' && !refused.test(message.text())) this.complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(this.server.running.url)) this.complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(path);
    return page;
  }

  /** Somebody with that role, at that page. */
  async openAs(name: string, path = '/', options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.open(path, options);
    await page.locator('input[autocomplete=username]').fill(name);
    await page.locator('input[type=password]').fill(password);
    await page.locator('button[type=submit]').click();
    await page.locator('main#content h1').waitFor();
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const context of this.#contexts) await context.close();
    await this.#browser.close();
    await this.server[Symbol.asyncDispose]();
  }
}

type Violation = { id: string; help: string; nodes: { target: string[]; failureSummary?: string }[] };

/** Less than half of what the package itself says is its source: the browser reads it anew on each page. */
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** Rules of WCAG 2.2 AA that axe can tell, and its best practices. The policy of the page lets no other script in than the server's own. */
export async function findBarriers(page: Page, options: RunOptions = {}): Promise<string[]> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Runtime.evaluate', { expression: axe });
  const run = `axe.run(${JSON.stringify(options)}).then(({ violations }) => violations)`;
  const violations = await page.evaluate<Violation[]>(run);
  await devtools.detach();
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => `${id}: ${help}: ${target.join(' ')} (${failureSummary})`),
  );
}

/** By how many pixels a page is wider than its window. */
export function overflowOf(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
