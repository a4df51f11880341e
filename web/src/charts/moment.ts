import { locale } from '../text'
import { usePreference } from '../ui'

/** useMoment writes a time as exactly as a period of step milliseconds needs, in the zone that was chosen. */
export function useMoment(step: number): (at: number) => string {
  const [zone] = usePreference('zone')
  const format = new Intl.DateTimeFormat(locale, {
    month: 'short', day: 'numeric', ...(step < 86_400_000 && { hour: '2-digit', minute: '2-digit' }), timeZone: zone === 'utc' ? 'UTC' : undefined,
  })
  return (at) => format.format(new Date(at))
}
