// The time of now for what is shown relative to it; one timer for all, which runs only while something shows it.
import { createSubscriber } from 'svelte/reactivity';

const everyMs = 1000;
const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, everyMs);
  return () => clearInterval(timer);
});

/** Milliseconds since 1970, anew each second for whoever reads it in markup or `$derived`. */
export function nowMs(): number {
  subscribe();
  return Date.now();
}
