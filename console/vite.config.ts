// How the console is built: into console/dist, every asset named by its content. scripts/build-console.ts runs it.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  logLevel: 'warn',
  plugins: [
    svelte({
      configFile: false,
      // By name and content, and not by where the checkout lies: the same sources are the same bytes.
      compilerOptions: { runes: true, cssHash: ({ hash, name, css }) => `s-${hash(name + css)}` },
    }),
  ],
  build: {
    target: 'es2024',
    outDir: 'dist',
    emptyOutDir: true,
    // Nothing in the page itself: the server forbids inline scripts, styles and data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: 'manifest.json',
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
