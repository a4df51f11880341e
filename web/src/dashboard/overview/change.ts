import { text } from '../../text/dashboard'

/** changeOf says how a number compares with an earlier one; null where that is not known, or was nothing. */
export function changeOf(now: number | null, before: number | null): string | null {
  if (now === null || before === null || before === 0) return null
  const share = (now - before) / before
  return Math.abs(share) < 0.005 ? text.overview.same : share > 0 ? text.overview.more(share) : text.overview.less(-share)
}
