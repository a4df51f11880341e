import { useState } from 'react'

type State<T> = {
  /** seen is the saved state that was taken over last, as text. */
  seen: string
  /** base counts as saved: what differs from it is not. */
  base: T
  now: T
  /** sent is what is being saved, while it is. */
  sent: T | null
}

/** Draft is what a form shows: what is saved, with what was changed of it. */
export type Draft<T extends object> = {
  now: T
  set: (change: Partial<T>) => void
  /** other are the fields that are not as they are saved. */
  other: (keyof T)[]
  /** isChanged while something is typed that is neither saved nor being saved. */
  isChanged: boolean
  /** saving runs what saves the draft as it is now. What is typed meanwhile stays, and is not saved then. */
  saving: (save: () => Promise<unknown>) => Promise<void>
}

const asIs = (of: object): object => of

/** differing are the fields that are not the same in both. */
export function differing<T extends object>(a: T, b: T, plain: (of: T) => object = asIs): (keyof T)[] {
  const [x, y] = [plain(a), plain(b)] as [Record<keyof T, unknown>, Record<keyof T, unknown>]
  return (Object.keys(a) as (keyof T)[]).filter((k) => JSON.stringify(x[k]) !== JSON.stringify(y[k]))
}

/** merged is saved in the fields that nobody changed since base, and now in the others. */
export function merged<T extends object>(saved: T, base: T, now: T, plain: (of: T) => object = asIs): T {
  const typed = new Set(differing(now, base, plain))
  // What is the same stays itself, with its rows and the focus in them.
  const taken = differing(saved, now, plain).filter((k) => !typed.has(k))
  return { ...now, ...Object.fromEntries(taken.map((k) => [k, saved[k]])) }
}

/** useDraft begins with what is saved and takes over what is saved later, by whomever, in the fields where nobody typed since.
    So a form needs no key that makes it begin anew: that would drop what is typed, and the focus. It needs one where it shows
    another thing. plain is what of a draft is saved, for fields that hold more. */
export function useDraft<T extends object>(saved: T, plain: (of: T) => object = asIs): Draft<T> {
  const text = JSON.stringify(plain(saved))
  const [state, setState] = useState<State<T>>({ seen: text, base: saved, now: saved, sent: null })
  let s = state
  // Until a save has ended, nobody knows whether what is saved holds it already.
  if (s.sent === null && s.seen !== text) {
    s = { seen: text, base: saved, now: merged(saved, s.base, s.now, plain), sent: null }
    setState(s)
  }
  const saving = async (save: () => Promise<unknown>) => {
    const sent = s.now
    setState((was) => ({ ...was, sent }))
    let base: T | undefined
    try {
      await save()
      base = sent
    } finally {
      setState((was) => ({ ...was, base: base ?? was.base, sent: null }))
    }
  }
  return {
    now: s.now,
    set: (change) => setState((was) => ({ ...was, now: { ...was.now, ...change } })),
    other: differing(s.now, s.base, plain),
    isChanged: differing(s.now, s.sent ?? s.base, plain).length > 0,
    saving,
  }
}
