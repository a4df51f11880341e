// What one person likes, remembered in this browser.
import { useSyncExternalStore } from 'react'

const defaults = { theme: 'auto', zone: 'local' }
type Name = keyof typeof defaults

const listeners = new Set<() => void>()
const read = (name: Name): string => {
  try {
    return localStorage.getItem(`hookloft.${name}`) ?? defaults[name]
  } catch {
    return defaults[name] // an embedded page may have no storage
  }
}

export function setPreference(name: Name, value: string) {
  try {
    localStorage.setItem(`hookloft.${name}`, value)
  } catch {
    // It lasts as long as the page then.
  }
  if (name === 'theme') applyTheme(value)
  listeners.forEach((l) => l())
}

export function usePreference(name: Name): [string, (value: string) => void] {
  const value = useSyncExternalStore((l) => (listeners.add(l), () => listeners.delete(l)), () => read(name))
  return [value, (v) => setPreference(name, v)]
}

/** applyTheme sets light or dark; auto follows the system. */
export function applyTheme(theme = read('theme')) {
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}
