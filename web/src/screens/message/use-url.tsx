import { useState } from 'react'
import { client } from '../../api/client'
import { text } from '../../text'
import { Button, Confirm, legible, toast } from '../../ui'
import { headersOf, resend, useAgain, type Attempt } from './data'
import { targetOf } from './target'

/** UseURL takes over where a redirect leads as the endpoint's URL, and sends the message there. */
export function UseURL({ appId, messageId, endpointId, attempt }: { appId: string; messageId: string; endpointId: string; attempt: Attempt }) {
  const [target, setTarget] = useState('')
  const again = useAgain(appId, messageId)
  const t = text.message
  const ask = async () => {
    const headers = await headersOf(appId, messageId, attempt.id)
    const found = targetOf(headers?.responseHeaders, attempt.url)
    if (found) setTarget(found)
    else toast(t.noTarget, true)
  }
  const change = async () => {
    await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}', { params: { path: { app_id: appId, endpoint_id: endpointId } }, body: { url: target } })
    await resend(appId, messageId, endpointId)
    toast(t.urlUsed)
    await again()
  }
  return (
    <>
      <Button look="primary" onPress={ask}>{t.useURL}</Button>
      <Confirm open={target !== ''} onClose={() => setTarget('')} title={t.useURL} action={t.useURLConfirm} onConfirm={change}>
        <dl className="facts">
          <dt>{t.urlNow}</dt><dd><code>{legible(attempt.url)}</code></dd>
          <dt>{t.urlNew}</dt><dd><code>{legible(target)}</code></dd>
        </dl>
        <p>{t.useURLHelp}</p>
      </Confirm>
    </>
  )
}
