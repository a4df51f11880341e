import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Chip, Confirm, Input, Loading, Problem, Select, Time } from '../../ui'
import { useChanged, useCredentials, useHeaders, type Place } from './data'
import { Form } from './form'
import { Pairs, pairsOf, type Pair } from './pairs'

/** Access is what requests carry besides the payload: headers, and what proves to the receiver who sends. */
export function Access({ place }: { place: Place }) {
  const headers = useHeaders(place)
  const credentials = useCredentials(place)
  return (
    <div className="stack">
      {headers.isPending ? <Loading /> : headers.error ? <Problem error={headers.error} onRetry={headers.refetch} /> : <Headers key={JSON.stringify(headers.data)} place={place} saved={headers.data} />}
      {credentials.isPending ? <Loading /> : credentials.error ? <Problem error={credentials.error} onRetry={credentials.refetch} /> : <Credentials key={JSON.stringify(credentials.data)} place={place} saved={credentials.data} />}
    </div>
  )
}

function Headers({ place, saved }: { place: Place; saved: { headers: Record<string, string>; sensitive: string[] | null } }) {
  const may = useViewer().may('ManageEndpoint')
  const changed = useChanged(place)
  const before: Pair[] = [...pairsOf(saved.headers), ...pairsOf(Object.fromEntries((saved.sensitive ?? []).map((n) => [n, '']))).map((p) => ({ ...p, isSet: true }))]
  const [pairs, setPairs] = useState(before)
  const t = text.endpoint
  // A header whose value is not shown is sent only where it was typed anew.
  const set = Object.fromEntries(pairs.filter((p) => p.name.trim() && !(p.isSet && p.value === '') && saved.headers[p.name.trim()] !== p.value).map((p) => [p.name.trim(), p.value]))
  const kept = new Set(pairs.map((p) => p.name.trim()))
  const gone = [...Object.keys(saved.headers), ...(saved.sensitive ?? [])].filter((n) => !kept.has(n))
  const save = async () => {
    await client.PATCH('/api/v1/app/{app_id}/endpoint/{endpoint_id}/headers', { params: { path: place }, body: { headers: set, deleteHeaders: gone } })
    await changed()
  }
  return (
    <Form title={t.headers} help={t.headersHelp} may={may} isChanged={Object.keys(set).length + gone.length > 0} onSave={save}>
      {() => may ? <Pairs label={t.headers} pairs={pairs} onPairs={setPairs} /> : pairs.length === 0 ? <p className="muted">{text.common.none}</p> : (
        <dl className="facts">{pairs.map((p) => <div key={p.key} style={{ display: 'contents' }}><dt>{p.name}</dt><dd><code>{p.isSet ? t.valueIsSet : p.value}</code></dd></div>)}</dl>
      )}
    </Form>
  )
}

type Out = OwnShapes['CredentialsOut']
type In = OwnShapes['CredentialsIn']
type Part = keyof Omit<Out, 'warnings'>

const setByCommand = 'hookloft credentials set'
const setByOperation = 'PUT /x/v1/app/{app_id}/endpoint/{endpoint_id}/credentials'

const parts: Part[] = ['basic', 'bearer', 'oauth2', 'apiKey', 'hmac', 'mtls', 'ca', 'proxy', 'sourceAddress']

function Credentials({ place, saved }: { place: Place; saved: Out }) {
  const may = useViewer().may('ManageEndpoint')
  const changed = useChanged(place)
  const [removing, setRemoving] = useState<Part | null>(null)
  const t = text.endpoint
  const there = parts.filter((p) => saved[p] !== null)
  // What was read can be written back: secrets that are absent stay as they are set.
  const put = async (change: Partial<In>) => {
    await client.PUT('/x/v1/app/{app_id}/endpoint/{endpoint_id}/credentials', { params: { path: place }, body: { ...(saved as unknown as In), ...change } })
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
              {may && <Button look="quiet" onPress={() => setRemoving(p)}>{text.common.remove}</Button>}
            </li>
          ))}
        </ul>
      )}
      {may && <SetLogin saved={saved} onPut={put} />}
      <p className="muted">{t.otherCredentials} <code>{setByCommand}</code>, <code>{setByOperation}</code></p>
      <Confirm open={removing !== null} onClose={() => setRemoving(null)} title={t.removeCredential(removing ? t.parts[removing] : '')} action={text.common.remove} danger onConfirm={() => put({ [removing!]: null })}><p>{t.removeCredentialHelp}</p></Confirm>
    </section>
  )
}

function Detail({ saved, part }: { saved: Out; part: Part }) {
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

type Login = 'basic' | 'bearer' | 'apiKey'

function SetLogin({ saved, onPut }: { saved: Out; onPut: (change: Partial<In>) => Promise<unknown> }) {
  const [kind, setKind] = useState<Login>('basic')
  const [name, setName] = useState(saved.basic?.username ?? '')
  const [secret, setSecret] = useState('')
  const [where, setWhere] = useState('header')
  const t = text.endpoint
  const choose = (k: string) => {
    setKind(k as Login)
    setSecret('')
    setName(k === 'basic' ? saved.basic?.username ?? '' : k === 'apiKey' ? saved.apiKey?.name ?? 'X-Api-Key' : '')
  }
  const save = () => {
    // One login at a time; an API key may stand beside it.
    const one: Partial<In> = { basic: null, bearer: null, oauth2: null }
    if (kind === 'basic') return onPut({ ...one, basic: { username: name, password: secret } })
    if (kind === 'bearer') return onPut({ ...one, bearer: { token: secret } })
    return onPut({ apiKey: { in: where, name, value: secret } })
  }
  return (
    <details>
      <summary>{t.setLogin}</summary>
      <Form title={t.setLogin} may isChanged={secret !== '' && (kind === 'bearer' || name !== '')} onSave={save} help={kind !== 'apiKey' && (saved.basic || saved.bearer || saved.oauth2) ? t.replacesLogin : undefined}>
        {(errorAt) => (
          <>
            <Select label={t.kind} value={kind} onValue={choose} options={[['basic', t.parts.basic], ['bearer', t.parts.bearer], ['apiKey', t.parts.apiKey]]} />
            {kind === 'apiKey' && <Select label={t.where} value={where} onValue={setWhere} options={[['header', t.inHeader], ['query', t.inQuery]]} />}
            {kind !== 'bearer' && <Input label={kind === 'basic' ? t.userName : t.name} value={name} onValue={setName} autoComplete="off" spellCheck={false} error={errorAt(kind)} />}
            <Input label={kind === 'basic' ? t.password : kind === 'bearer' ? t.token : t.value} type="password" autoComplete="new-password" value={secret} onValue={setSecret} error={kind === 'bearer' ? errorAt('bearer') : undefined} />
          </>
        )}
      </Form>
    </details>
  )
}
