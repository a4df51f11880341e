// Numbers, durations and plurals in the language in use. Nothing here is a sentence.
import { locale } from '.'

/** number writes a count: 1,204. An unknown one is a dash, never 0. */
export const number = (n: number | null | undefined, digits = 0): string =>
  n === null || n === undefined || Number.isNaN(n) ? '–' : new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(n)

/** compact writes a large count in few characters: 1.2K. */
export const compact = (n: number | null | undefined): string =>
  n === null || n === undefined ? '–' : new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 }).format(n)

/** percent writes a share of 1: 98.2 %. */
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined || Number.isNaN(share) ? '–' : new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 }).format(share)

/** count is a number with its noun: 1 message, 2 messages. */
export const count = (n: number, one: string, many: string): string => `${number(n)} ${new Intl.PluralRules(locale).select(n) === 'one' ? one : many}`

/** milliseconds writes how long something took: 12 ms, 1.5 s, 2 min. */
export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1000) return `${number(ms, ms < 10 ? 1 : 0)} ms`
  if (ms < 60_000) return `${number(ms / 1000, 1)} s`
  return `${number(ms / 60_000, 1)} min`
}

/** bytes writes a size: 12 kB. */
export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return '–'
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let i = 0
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000
  return `${number(n, n < 10 && i > 0 ? 1 : 0)} ${units[i]}`
}

/** ago writes a time as a distance from now: 3 minutes ago, in 2 hours. */
export function ago(at: Date, now: Date): string {
  const seconds = (at.getTime() - now.getTime()) / 1000
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  for (const [unit, size] of [['day', 86_400], ['hour', 3600], ['minute', 60]] as const) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  }
  return relative.format(Math.trunc(seconds), 'second')
}

/** moment writes a time in full, in the zone that was chosen. */
export const moment = (at: Date, zone: string | undefined): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', timeZone: zone }).format(at)

/** clock writes the time of day, in the zone that was chosen. */
export const clock = (at: Date, zone: string | undefined): string =>
  new Intl.DateTimeFormat(locale, { timeStyle: 'medium', timeZone: zone }).format(at)
