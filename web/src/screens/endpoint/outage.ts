/** outageOf is the time in which an endpoint failed: from the first period with a failure after which no attempt came to the
    end of the last one; null where there was none. step is the length of a period. */
export function outageOf(points: { at: string; final: number }[], step: number): { since: number; until: number } | null {
  const first = points.find((p) => p.final > 0)
  const last = points.findLast((p) => p.final > 0)
  return first && last ? { since: Date.parse(first.at), until: Date.parse(last.at) + step } : null
}

/** enough is how many attempts must have succeeded in a row, the newest of all, for an endpoint to be well again. */
export const enough = 3

/** isWell judges by the newest attempts, newest first. */
export const isWell = (attempts: { status: number }[]): boolean => attempts.length >= enough && attempts.slice(0, enough).every((a) => a.status === 0)

/** endOf is when an outage was over at the latest, by the newest attempts, newest first; null where it may go on. */
export function endOf(outage: { until: number }, attempts: { status: number; timestamp: string }[]): number | null {
  if (!isWell(attempts)) return null
  const failed = attempts.findIndex((a) => a.status !== 0)
  return Math.min(outage.until, Date.parse(attempts.at(failed < 0 ? -1 : failed - 1)!.timestamp))
}
