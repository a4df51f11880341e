import { lazy, Suspense, useState } from 'react'
import { client, type OwnShapes, type Shapes } from '../../../api/client'
import { useViewer } from '../../../api/viewer'
import { text } from '../../../text'
import { Button, Chip, Confirm, Dialog, Loading, Menu, Time, useSearch } from '../../../ui'
import { useChanged, type Endpoint, type Place } from '../data'
import { Sent } from '../sent'
import { parts, type Change, type Part, type Saved } from './part'

const PartFields = lazy(async () => ({ default: (await import('./forms')).PartFields }))

// What the product may keep from its portal.
const switches: Partial<Record<Part, string>> = { oauth2: 'enableEndpointOauthConfig', mtls: 'enableEndpointMtlsConfig' }

/** Credentials are what requests prove themselves with beside the signature, and on which way they leave. */
export function Credentials({ place, endpoint, saved }: { place: Place; endpoint: Endpoint; saved: Saved }) {
  const { may, offers } = useViewer()
  const changed = useChanged(place)
  const [search, setSearch] = useSearch()
  const [removing, setRemoving] = useState<Part | null>(null)
  const t = text.endpoint
  const manages = may('ManageEndpoint')
  const offered = parts.filter((p) => offers(switches[p]))
  const there = parts.filter((p) => saved[p] !== null)
  const setting = manages ? offered.find((p) => p === search.set) : undefined
  const close = () => setSearch({ set: '' })
  // What was read can be written back: secrets that are absent stay as they are set.
  const put = async (change: Change) => {
    await client.PUT('/x/v1/app/{app_id}/endpoint/{endpoint_id}/credentials', { params: { path: place }, body: { ...(saved as unknown as OwnShapes['CredentialsIn']), ...change } })
    await changed()
  }
  return (
    <section className="card stack">
      <h2>{t.credentials}</h2>
      <p className="muted">{t.credentialsHelp}</p>
      {(saved.warnings ?? []).map((w) => <div key={w} className="note warn" role="status">{w}</div>)}
      {there.length === 0 ? <p>{t.noCredentials}</p> : (
        <ul className="plain stack tight">
          {there.map((p) => (
            <li key={p} className="spread">
              <span className="row"><Chip tone="ok" icon="key">{t.parts[p]}</Chip> <Detail saved={saved} part={p} /></span>
              {manages && (
                <span className="row">
                  <Button look="quiet" aria-label={t.changePart(t.parts[p])} onPress={() => setSearch({ set: p })}>{t.changeIt}</Button>
                  <Button look="quiet" aria-label={t.removePart(t.parts[p])} onPress={() => setRemoving(p)}>{text.common.remove}</Button>
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      <div className="row">
        {manages && <Menu words={t.setPart} label={t.setPart} entries={offered.filter((p) => saved[p] === null).map((p) => ({ words: t.parts[p], onPress: () => setSearch({ set: p }) }))} />}
        {may('CreateAttempts') && there.length > 0 && <Try place={place} endpoint={endpoint} />}
      </div>
      {setting && (
        <Dialog open onClose={close} title={t.parts[setting]}>
          <Suspense fallback={<Loading lines={5} />}><PartFields part={setting} saved={saved} onPut={put} onClose={close} /></Suspense>
        </Dialog>
      )}
      <Confirm open={removing !== null} onClose={() => setRemoving(null)} title={t.removeCredential(removing ? t.parts[removing] : '')} action={text.common.remove} danger onConfirm={() => put({ [removing!]: null })}><p>{t.removeCredentialHelp}</p></Confirm>
    </section>
  )
}

// Try sends one request with all that is set: a token is fetched, a certificate shown, a proxy asked.
function Try({ place, endpoint }: { place: Place; endpoint: Endpoint }) {
  const [sent, setSent] = useState<Shapes['MessageAttemptOut'] | null>(null)
  const t = text.endpoint
  const send = async () => {
    setSent(null)
    setSent((await client.POST('/api/v1/app/{app_id}/endpoint/{endpoint_id}/msg/test-attempt', { params: { path: place }, body: { eventType: 'hookloft.ping', payload: { success: true } as unknown as Record<string, never> } })).data!)
  }
  return (
    <>
      <Button icon="send" disabled={endpoint.disabled} title={endpoint.disabled ? t.whileDisabled : t.tryCredentialsHelp} onPress={send}>{t.tryCredentials}</Button>
      {sent && <Sent place={place} attempt={sent} />}
    </>
  )
}

function Detail({ saved, part }: { saved: Saved; part: Part }) {
  const t = text.endpoint
  switch (part) {
    case 'basic': return <code>{saved.basic?.username}</code>
    case 'apiKey': return <code>{saved.apiKey?.name}</code>
    case 'oauth2': return <code>{saved.oauth2?.tokenUrl}</code>
    case 'hmac': return <code>{saved.hmac?.header}</code>
    case 'proxy': return <code>{saved.proxy?.url}</code>
    case 'sourceAddress': return <code>{saved.sourceAddress}</code>
    case 'mtls': return saved.mtls && <span className="muted">{saved.mtls.certificate.subject} · {t.ends} <Time at={saved.mtls.notAfter} /></span>
    case 'ca': return <span className="muted">{(saved.ca?.certificates ?? []).map((c) => c.subject).join('; ')}</span>
    default: return null
  }
}
