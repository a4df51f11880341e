import { useState, type ComponentType } from 'react'
import { text } from '../../../text'
import { Input, Select, Time } from '../../../ui'
import { PartForm, PemInput, SecretInput } from './fields'
import { HmacForm } from './hmac'
import { OAuthForm } from './oauth'
import { noLogin, secretOf, type Part, type PartProps } from './part'

/** PartFields is the form of one part. */
export function PartFields({ part, ...rest }: PartProps & { part: Part }) {
  const Found = forms[part]
  return <Found {...rest} />
}

const forms: Record<Part, ComponentType<PartProps>> = { basic: Basic, bearer: Bearer, oauth2: OAuthForm, apiKey: ApiKey, hmac: HmacForm, mtls: Identity, ca: Authority, proxy: Proxy, sourceAddress: SourceAddress }

function Basic(p: PartProps) {
  const t = text.endpoint
  const [username, setUsername] = useState(p.saved.basic?.username ?? '')
  const [password, setPassword] = useState('')
  // A secret is kept only for whom it was meant.
  const stays = p.saved.basic?.isSet === true && p.saved.basic.username === username
  const save = () => p.onPut({ ...noLogin, basic: { username, password: secretOf(password, stays) } })
  return (
    <PartForm {...p} part="basic" isReady={username !== '' || password !== ''} onSave={save}>
      {(errorAt) => (
        <>
          <Input label={t.userName} value={username} onValue={setUsername} autoComplete="off" spellCheck={false} error={errorAt('username')} />
          <SecretInput label={t.password} stays={stays} value={password} onValue={setPassword} error={errorAt('password')} />
        </>
      )}
    </PartForm>
  )
}

function Bearer(p: PartProps) {
  const [token, setToken] = useState('')
  return (
    <PartForm {...p} part="bearer" isReady={token !== ''} onSave={() => p.onPut({ ...noLogin, bearer: { token } })}>
      {(errorAt) => <SecretInput label={text.endpoint.token} stays={p.saved.bearer !== null} value={token} onValue={setToken} error={errorAt('token')} />}
    </PartForm>
  )
}

function ApiKey(p: PartProps) {
  const t = text.endpoint
  const before = p.saved.apiKey
  const [where, setWhere] = useState(before?.in ?? 'header')
  const [name, setName] = useState(before?.name ?? 'X-Api-Key')
  const [value, setValue] = useState('')
  const stays = before?.isSet === true && before.in === where && before.name === name
  return (
    <PartForm {...p} part="apiKey" isReady={name !== '' && (value !== '' || stays)} onSave={() => p.onPut({ apiKey: { in: where, name, value: secretOf(value, stays) } })}>
      {(errorAt) => (
        <>
          <Select label={t.where} value={where} onValue={setWhere} options={[['header', t.inHeader], ['query', t.inQuery]]} error={errorAt('in')} />
          <Input label={t.name} value={name} onValue={setName} autoComplete="off" spellCheck={false} error={errorAt('name')} />
          <SecretInput label={t.value} stays={stays} value={value} onValue={setValue} error={errorAt('value')} />
        </>
      )}
    </PartForm>
  )
}

function Identity(p: PartProps) {
  const t = text.endpoint
  const [identity, setIdentity] = useState('')
  const now = p.saved.mtls
  return (
    <PartForm {...p} part="mtls" isReady={identity.trim() !== ''} onSave={() => p.onPut({ mtls: { identity } })}>
      {(errorAt) => (
        <>
          {now && (
            <dl className="facts">
              <dt>{t.certificate}</dt><dd>{now.certificate.subject}</dd>
              <dt>{t.issuer}</dt><dd>{now.certificate.issuer}</dd>
              <dt>{t.ends}</dt><dd><Time at={now.notAfter} full /></dd>
            </dl>
          )}
          <PemInput label={t.identity} help={t.identityHelp} stays={now !== null} value={identity} onValue={setIdentity} error={errorAt('identity')} />
        </>
      )}
    </PartForm>
  )
}

function Authority(p: PartProps) {
  const t = text.endpoint
  const before = p.saved.ca?.cert ?? ''
  const [cert, setCert] = useState(before)
  return (
    <PartForm {...p} part="ca" isReady={cert.trim() !== '' && cert !== before} onSave={() => p.onPut({ ca: { cert } })}>
      {(errorAt) => <PemInput label={t.authority} help={t.authorityHelp} value={cert} onValue={setCert} error={errorAt('cert')} />}
    </PartForm>
  )
}

function Proxy(p: PartProps) {
  const t = text.endpoint
  const before = p.saved.proxy
  const [url, setURL] = useState(before?.url ?? '')
  const [username, setUsername] = useState(before?.username ?? '')
  const [password, setPassword] = useState('')
  const stays = before?.isSet === true && before.url === url && (before.username ?? '') === username
  const save = () => p.onPut({ proxy: { url: url.trim(), username: username || undefined, password: secretOf(password, stays) || undefined } })
  return (
    <PartForm {...p} part="proxy" isReady={url.trim() !== ''} onSave={save}>
      {(errorAt) => (
        <>
          <Input label={t.proxyUrl} help={t.proxyUrlHelp} value={url} onValue={setURL} inputMode="url" spellCheck={false} error={errorAt('url')} />
          <Input label={t.userName} value={username} onValue={setUsername} autoComplete="off" spellCheck={false} error={errorAt('username')} />
          <SecretInput label={t.password} stays={stays} value={password} onValue={setPassword} error={errorAt('password')} />
        </>
      )}
    </PartForm>
  )
}

function SourceAddress(p: PartProps) {
  const t = text.endpoint
  const [address, setAddress] = useState(p.saved.sourceAddress ?? '')
  return (
    <PartForm {...p} part="sourceAddress" isReady={address.trim() !== ''} onSave={() => p.onPut({ sourceAddress: address.trim() })}>
      {(errorAt) => <Input label={t.parts.sourceAddress} value={address} onValue={setAddress} spellCheck={false} error={errorAt('')} />}
    </PartForm>
  )
}
