// The route table: the map of the console. A page is a folder in pages/, loaded when it is first gone to.
import type { Component } from 'svelte';
import type { Role } from '../../protocol/people.ts';
import { matchPattern, type Params } from './match-route.ts';

/** The entry of the navigation that a page belongs to; their order is that of the navigation. */
export const areas = [
  'machines',
  'wall',
  'jobs',
  'images',
  'scenarios',
  'schedule',
  'people',
  'settings',
  'audit',
] as const;
export type Area = (typeof areas)[number];

/** Pages of one address have no parameters. */
type Page = { readonly default: Component<{ params: Params }> | Component<Record<string, never>> };

export type ConsoleRoute = {
  readonly pattern: string;
  readonly area: Area;
  /** Who has use for it; without it, everybody. The server decides all the same. */
  readonly role?: Role;
  /** Also for who has that role on some group of machines only. */
  readonly onGroups?: true;
  load(): Promise<Page>;
};

export const consoleRoutes: readonly ConsoleRoute[] = [
  {
    pattern: '/machines',
    onGroups: true,
    area: 'machines',
    load: () => import('../pages/machines/machines-page.svelte'),
  },
  { pattern: '/images', area: 'images', load: () => import('../pages/images/images-page.svelte') },
  { pattern: '/images/:name', area: 'images', load: () => import('../pages/image/image-page.svelte') },
  {
    pattern: '/run',
    onGroups: true,
    area: 'scenarios',
    role: 'operator',
    load: () => import('../pages/run/run-page.svelte'),
  },
  {
    pattern: '/scenarios',
    onGroups: true,
    area: 'scenarios',
    load: () => import('../pages/scenarios/scenarios-page.svelte'),
  },
  {
    pattern: '/scenarios/new',
    area: 'scenarios',
    role: 'operator',
    load: () => import('../pages/scenario/scenario-page.svelte'),
  },
  {
    pattern: '/scenarios/:id',
    onGroups: true,
    area: 'scenarios',
    load: () => import('../pages/scenario/scenario-page.svelte'),
  },
  { pattern: '/schedule', area: 'schedule', load: () => import('../pages/schedule/schedule-page.svelte') },
  { pattern: '/people', area: 'people', role: 'none', load: () => import('../pages/people/people-page.svelte') },
  { pattern: '/settings', area: 'settings', load: () => import('../pages/settings/settings-page.svelte') },
  {
    pattern: '/audit',
    area: 'audit',
    role: 'administrator',
    load: () => import('../pages/audit/audit-page.svelte'),
  },
  {
    pattern: '/machines/:id',
    onGroups: true,
    area: 'machines',
    load: () => import('../pages/machine/machine-page.svelte'),
  },
  { pattern: '/jobs', onGroups: true, area: 'jobs', load: () => import('../pages/jobs/jobs-page.svelte') },
  { pattern: '/jobs/:id', onGroups: true, area: 'jobs', load: () => import('../pages/job/job-page.svelte') },
  { pattern: '/wall', onGroups: true, area: 'wall', load: () => import('../pages/wall/wall-page.svelte') },
];

export type FoundRoute = { readonly route: ConsoleRoute; readonly params: Params };

/** The first page is that of the machines. */
export function findRoute(path: string): FoundRoute | null {
  for (const route of consoleRoutes) {
    const params = matchPattern(route.pattern, path === '/' ? '/machines' : path);
    if (params !== null) return { route, params };
  }
  return null;
}
