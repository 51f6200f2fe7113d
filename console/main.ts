// The console's start: what the person has set, then the shell, which shows set-up, login or a page.
import './styles/base.css';
import './styles/parts.css';
import { mount } from 'svelte';
import { startPreferences } from './i18n/preferences.svelte.ts';
import { startRouter } from './shell/router.svelte.ts';
import Shell from './shell/shell.svelte';

startPreferences();
startRouter();
const target = document.getElementById('console');
if (target !== null) mount(Shell, { target });
