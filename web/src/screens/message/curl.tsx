import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { text } from '../../text'
import { Button, Code, Dialog, legible, Time, toast } from '../../ui'

/** Curl makes the request of a message as a command for a shell, signed anew, and puts it on the clipboard. */
export function Curl({ appId, messageId, endpointId }: { appId: string; messageId: string; endpointId: string }) {
  const [made, setMade] = useState<OwnShapes['CurlOut']>()
  const t = text.message
  const make = async () => {
    const { data } = await client.POST('/x/v1/app/{app_id}/msg/{msg_id}/endpoint/{endpoint_id}/curl', { params: { path: { app_id: appId, msg_id: messageId, endpoint_id: endpointId } } })
    setMade(data!)
    // A page that is not served over TLS has no clipboard; the command is in sight then.
    await navigator.clipboard?.writeText(data!.command).then(() => toast(text.common.copied), () => {})
  }
  return (
    <>
      <Button icon="copy" onPress={make}>{t.curl}</Button>
      <Dialog open={made !== undefined} onClose={() => setMade(undefined)} title={t.curlTitle} wide>
        {made && (
          <>
            <Code value={made.command} label={t.curlCommand} />
            <p className="muted">{t.curlUntil} <Time at={made.expiresAt} full />.</p>
            {made.withheld && made.withheld.length > 0 && <p className="note warn">{t.curlWithout(made.withheld.map(legible).join(', '))}</p>}
          </>
        )}
      </Dialog>
    </>
  )
}
