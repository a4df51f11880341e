import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { bytes } from '../../text/format'
import { Confirm, download, JsonView, Loading, Menu, Problem, toast } from '../../ui'
import { useAgain, usePayload } from './data'

/** PayloadCard shows what was accepted, byte for byte. */
export function PayloadCard({ appId, messageId }: { appId: string; messageId: string }) {
  const { kind } = useViewer()
  const payload = usePayload(appId, messageId)
  const [expunging, setExpunging] = useState(false)
  const again = useAgain(appId, messageId)
  const t = text.message
  const expunge = async () => {
    await client.DELETE('/api/v1/app/{app_id}/msg/{msg_id}/content', { params: { path: { app_id: appId, msg_id: messageId } } })
    toast(t.expunged)
    await again()
  }
  return (
    <section className="card stack tight" aria-label={t.payload}>
      <div className="spread">
        <h2>{t.payload} {payload.data && <span className="muted small">{bytes(new Blob([payload.data.text]).size)}</span>}</h2>
        {payload.data && <Menu label={t.payloadMenu} entries={[
          { words: t.download, icon: 'download', onPress: () => download(`${messageId}.json`, payload.data!.text) },
          kind === 'operator' && { words: t.expunge, icon: 'cross', danger: true, onPress: () => setExpunging(true) },
        ]} />}
      </div>
      {payload.isPending ? <Loading /> : payload.error ? <Problem error={payload.error} onRetry={payload.refetch} />
        : !payload.data ? <p className="muted">{t.contentGone}</p>
          : <>{payload.data.isBase64 && <p className="muted small">{t.base64}</p>}<JsonView source={payload.data.text} label={t.payload} /></>}
      <Confirm open={expunging} onClose={() => setExpunging(false)} title={t.expungeTitle} action={t.expunge} danger onConfirm={expunge}><p>{t.expungeHelp}</p></Confirm>
    </section>
  )
}
