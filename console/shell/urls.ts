// Every address of the console, in one place.

const named =
  (folder: string) =>
  (id: string): string =>
    `/${folder}/${encodeURIComponent(id)}`;

export const urls = {
  machines: '/machines',
  machinesOf: (group: string): string => `/machines?${new URLSearchParams({ group })}`,
  machine: named('machines'),
  jobs: '/jobs',
  job: named('jobs'),
  wall: '/wall',
  images: '/images',
  image: named('images'),
  scenarios: '/scenarios',
  scenario: named('scenarios'),
  newScenario: '/scenarios/new',
  /** A scenario on machines; what is chosen stands in the address. */
  run: (chosen: { readonly scenario?: string; readonly machines?: string }): string =>
    `/run?${new URLSearchParams(chosen)}`,
  schedule: '/schedule',
  people: '/people',
  settings: '/settings',
  audit: '/audit',
} as const;
