import { useState } from 'react'
import { client } from '../../api/client'
import { text } from '../../text'
import { Button, Chip, type Tone } from '../../ui'
import { checkSignature, type Checked } from './signature'

const tones: Record<Checked, Tone> = { fits: 'ok', wrong: 'bad', missing: 'warn', 'other-scheme': 'idle', 'no-crypto': 'idle' }

/** SignatureCheck computes, in this browser, whether the signature fits the stored body and the endpoint's secret. */
export function SignatureCheck({ appId, messageId, endpointId, headers }: { appId: string; messageId: string; endpointId: string; headers: Record<string, string> }) {
  const [checked, setChecked] = useState<Checked>()
  const t = text.message
  const check = async () => {
    const [secret, raw] = await Promise.all([
      client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret', { params: { path: { app_id: appId, endpoint_id: endpointId } } }),
      client.GET('/api/v1/app/{app_id}/msg/{msg_id}/raw', { params: { path: { app_id: appId, msg_id: messageId } } }),
    ])
    const payload = raw.data!.payload
    const body = raw.response.headers.get('Hookloft-Payload-Encoding') === 'base64' ? Uint8Array.from(atob(payload), (c) => c.charCodeAt(0)) : new TextEncoder().encode(payload)
    setChecked(await checkSignature(headers, body, secret.data!.key))
  }
  return (
    <>
      <Button icon="key" onPress={check}>{t.checkSignature}</Button>
      <span role="status">{checked && <Chip tone={tones[checked]}>{t.signature[checked]}</Chip>}</span>
      {checked === 'wrong' && <p className="muted small">{t.signatureHelp}</p>}
    </>
  )
}
