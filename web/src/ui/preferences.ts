// What one person likes, remembered in this browser.
import { useSyncExternalStore } from 'react'

// updates: live or paused, whether pages refresh by themselves; letters: on or off, whether single keys are shortcuts.
const defaults = { theme: 'auto', zone: 'local', updates: 'live', letters: 'on' }
type Name = keyof typeof defaults

const listeners = new Set<() => void>()

const kept: Partial<Record<Name, string>> = {} // where there is no storage

/** preference is what is liked now; a component takes usePreference. */
export const preference = (name: Name): string => {
  try {
    return localStorage.getItem(`hookloft.${name}`) ?? kept[name] ?? defaults[name]
  } catch {
    return kept[name] ?? defaults[name] // an embedded page may have no storage
  }
}

export function setPreference(name: Name, value: string) {
  try {
    localStorage.setItem(`hookloft.${name}`, value)
  } catch {
    kept[name] = value // it lasts as long as the page then
  }
  if (name === 'theme') applyTheme(value)
  listeners.forEach((l) => l())
}

/** onPreference is told of each change, whichever it is. */
export function onPreference(changed: () => void) {
  listeners.add(changed)
}

export function usePreference(name: Name): [string, (value: string) => void] {
  const value = useSyncExternalStore((l) => (listeners.add(l), () => listeners.delete(l)), () => preference(name))
  return [value, (v) => setPreference(name, v)]
}

/** applyTheme sets light or dark; auto follows the system. */
export function applyTheme(theme = preference('theme')) {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}
