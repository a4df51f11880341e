import { useSyncExternalStore } from 'react'
import { ago, clock, moment } from '../text/format'
import { usePreference } from './preferences'

// One clock for all times on the page.
let now = new Date()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined
const subscribe = (l: () => void) => {
  listeners.add(l)
  timer ??= setInterval(() => {
    now = new Date()
    listeners.forEach((f) => f())
  }, 10_000)
  return () => {
    listeners.delete(l)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** useNow moves on every ten seconds. */
export const useNow = (): Date => useSyncExternalStore(subscribe, () => now)

/** Time says how long ago something was, and in full when asked (title); or in full at once, or the time of day of
    what has just happened. */
export function Time({ at, full, ofDay }: { at: string | Date; full?: boolean; ofDay?: boolean }) {
  const present = useNow()
  const [zone] = usePreference('zone')
  const date = typeof at === 'string' ? new Date(at) : at
  const where = zone === 'utc' ? 'UTC' : undefined
  const words = moment(date, where)
  // What was just now is not in the future of a clock that ticks every ten seconds.
  const reference = Math.abs(Date.now() - present.getTime()) < 15_000 && date > present && date.getTime() <= Date.now() ? date : present
  return <time className="nowrap" dateTime={date.toISOString()} title={words}>{ofDay ? clock(date, where) : full ? words : ago(date, reference)}</time>
}
