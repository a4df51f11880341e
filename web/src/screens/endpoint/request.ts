// The texts of two fields: statuses that count as success, and delays between attempts.
import { text } from '../../text'

/** parseStatuses reads "200-299, 302"; nothing is the default. */
export const parseStatuses = (words: string): (number | string)[] | undefined => {
  const list = words.split(/[\s,]+/).filter(Boolean)
  return list.length === 0 ? undefined : list.map((w) => (/^\d+$/.test(w) ? Number(w) : w))
}

const units: Record<string, number> = { '': 1, s: 1, m: 60, min: 60, h: 3600, d: 86_400 }

/** parseDelays reads "5s, 5m, 2h" into seconds; nothing is a single attempt. What it cannot read it throws, in words. */
export function parseDelays(words: string): number[] {
  return words.split(/[\s,]+/).filter(Boolean).map((w) => {
    const [, number, unit] = /^(\d+)([a-z]*)$/.exec(w) ?? []
    const size = unit === undefined ? undefined : units[unit]
    if (number === undefined || size === undefined) throw new Error(text.endpoint.badDelay(w))
    return Number(number) * size
  })
}

/** wordsOfDelays writes them as a person would. */
export const wordsOfDelays = (seconds: number[]): string =>
  seconds.map((s) => (s > 0 && s % 86_400 === 0 ? `${s / 86_400}d` : s > 0 && s % 3600 === 0 ? `${s / 3600}h` : s > 0 && s % 60 === 0 ? `${s / 60}m` : `${s}s`)).join(', ')
