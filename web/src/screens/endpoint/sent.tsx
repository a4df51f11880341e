import type { Shapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { milliseconds } from '../../text/format'
import { legible, Link } from '../../ui'
import { useReasons, type Place } from './data'

/** Sent is what came of a request that was sent to see what comes of it. */
export function Sent({ place, attempt }: { place: Place; attempt: Shapes['MessageAttemptOut'] }) {
  const { to } = useViewer()
  const words = useReasons()
  const t = text.endpoint
  const ok = attempt.status === 0
  const { reason, error } = attempt.hookloft ?? {}
  return (
    <div className={ok ? 'note ok' : 'note bad'} role="status">
      <p>{ok ? t.exampleDelivered(attempt.responseStatusCode, milliseconds(attempt.responseDurationMs)) : t.exampleFailed(reason ? words(reason) : String(attempt.responseStatusCode))}</p>
      {!ok && error && <p className="muted break">{legible(error)}</p>}
      <Link to={`${to.message(place.app_id, attempt.msgId)}?attempt=${attempt.id}`}>{t.openAttempt}</Link>
    </div>
  )
}
