import { useViewer } from '../../../api/viewer'
import { text } from '../../../text'
import { Button, legible, Link, Loading, Problem } from '../../../ui'
import { useMessage } from '../data'
import { PayloadCard } from '../payload'
import { Said } from '../said'
import { DeliveryState } from '../state'
import { Verdict } from '../verdict'

/** Preview is a message beside the log. */
export function Preview({ appId, messageId, onClose }: { appId: string; messageId: string; onClose: () => void }) {
  const { to } = useViewer()
  const { why, message, attempts } = useMessage(appId, messageId)
  const t = text.messages
  const error = why.error ?? message.error
  return (
    <aside className="log-preview stack" aria-label={t.preview}>
      <div className="spread">
        <h2><bdi>{message.data ? legible(message.data.eventType) : t.preview}</bdi></h2>
        <span className="row"><Link className="button" to={to.message(appId, messageId)}>{t.open}</Link><Button look="quiet" icon="cross" label={text.common.close} onPress={onClose} /></span>
      </div>
      {error ? <Problem error={error} onRetry={why.refetch} /> : !why.data ? <Loading /> : (
        <>
          <Verdict why={why.data} appId={appId} attempts={attempts.rows} />
          <ul className="plain stack tight">
            {why.data.deliveries?.map((d) => <li key={d.endpointId} className="log-delivery"><div className="spread"><bdi className="ellipsis">{legible(d.url)}</bdi><DeliveryState delivery={d} /></div><p className="muted small"><Said words={d.verdict} /></p></li>)}
          </ul>
        </>
      )}
      <PayloadCard appId={appId} messageId={messageId} />
    </aside>
  )
}
