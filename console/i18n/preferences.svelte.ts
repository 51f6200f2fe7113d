// What a person sets for this browser: language and theme. Kept in local storage; nothing of it is secret.

export const languages = { en: 'English', ja: '日本語' } as const;
export type Language = keyof typeof languages;

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const keys = { language: 'deploy-os.language', theme: 'deploy-os.theme' } as const;

class Preferences {
  language = $state<Language>('en');
  theme = $state<Theme>('system');

  setLanguage(language: Language): void {
    this.language = language;
    document.documentElement.lang = language;
    write(keys.language, language);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    document.documentElement.dataset.theme = theme;
    write(keys.theme, theme);
  }
}

export const preferences = new Preferences();

/** Language: as set, else the first of the browser's that the console knows. */
export function startPreferences(): void {
  const asked = [read(keys.language), ...navigator.languages.map((tag) => tag.split('-', 1)[0])];
  const language = asked.find((tag) => tag !== undefined && tag !== null && Object.hasOwn(languages, tag));
  preferences.setLanguage((language ?? 'en') as Language);
  preferences.setTheme(themes.find((theme) => theme === read(keys.theme)) ?? 'system');
}

/** A browser may forbid storage. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {}
}
