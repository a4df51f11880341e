import { useState } from 'react'

/** useStored keeps a value in this browser under a name. What is stored there and cannot be read is the default. */
export function useStored<T>(name: string, fallback: T, isValid: (v: unknown) => v is T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => {
    try {
      const found: unknown = JSON.parse(localStorage.getItem(`hookloft.${name}`) ?? 'null')
      return isValid(found) ? found : fallback
    } catch {
      return fallback // an embedded page may have no storage
    }
  })
  const set = (next: T) => {
    setValue(next)
    try {
      localStorage.setItem(`hookloft.${name}`, JSON.stringify(next))
    } catch {
      // It lasts as long as the page then.
    }
  }
  return [value, set]
}
