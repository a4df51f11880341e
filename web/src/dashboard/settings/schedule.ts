// Delays between attempts, as people write them: "5s, 5m, 2h".
const units: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 }

/** standard is the documented schedule. */
export const standard = [5, 300, 1800, 7200, 18_000, 36_000, 36_000]

/** parseSchedule reads delays as seconds; undefined where one is none. A number alone is seconds. */
export function parseSchedule(text: string): number[] | undefined {
  const out: number[] = []
  for (const part of text.split(/[\s,]+/).filter(Boolean)) {
    const [, n, unit] = /^(\d+(?:\.\d+)?)(s|m|min|h|d)?$/.exec(part) ?? []
    if (!n) return undefined
    out.push(Math.round(Number(n) * units[unit ?? 's']!))
  }
  return out
}

/** writeSchedule writes them in the largest unit that is whole. */
export const writeSchedule = (seconds: number[]): string => seconds.map((s) => {
  for (const unit of ['d', 'h', 'm'] as const) if (s > 0 && s % units[unit]! === 0) return `${s / units[unit]!}${unit}`
  return `${s}s`
}).join(', ')
