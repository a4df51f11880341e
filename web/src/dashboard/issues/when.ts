import { moment } from '../../text/format'
import { usePreference } from '../../ui'

/** useWhen writes a time in full, in the zone that was chosen. */
export function useWhen(): (at: string) => string {
  const [zone] = usePreference('zone')
  return (at) => moment(new Date(at), zone === 'utc' ? 'UTC' : undefined)
}
