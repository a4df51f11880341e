import { useSyncExternalStore } from 'react'

let words = ''
let turn = false
const listeners = new Set<() => void>()

/** announce has screen readers say something that can only be seen otherwise. The same words twice are said twice. */
export function announce(what: string) {
  turn = !turn
  // A space without width makes the text another one.
  words = what + (turn ? '\u200b' : '')
  listeners.forEach((l) => l())
}

/** Announcer is where it is said; a page has one. */
export function Announcer() {
  const said = useSyncExternalStore((l) => (listeners.add(l), () => listeners.delete(l)), () => words)
  return <div className="sr-only" role="status" aria-live="polite">{said}</div>
}
