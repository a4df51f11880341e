import { useState } from 'react'
import { text } from '../../../text'
import { Input, Select, TextArea } from '../../../ui'
import { Pairs, pairsOf, type Pair } from '../pairs'
import { PartForm, SecretInput } from './fields'
import { noLogin, secretOf, type PartProps } from './part'

// Values that nobody is shown are null.
const extrasOf = (record: Record<string, string | null> = {}): Pair[] =>
  Object.entries(record).flatMap(([name, value]) => pairsOf({ [name]: value ?? '' }).map((p) => ({ ...p, isSet: value === null })))
const recordOf = (pairs: Pair[]): Record<string, string | null> =>
  Object.fromEntries(pairs.filter((p) => p.name.trim() !== '').map((p) => [p.name.trim(), p.isSet && p.value === '' ? null : p.value]))

/** OAuthForm is how access tokens are fetched. */
export function OAuthForm(p: PartProps) {
  const t = text.endpoint.oauth
  const before = p.saved.oauth2
  const [now, setNow] = useState({
    grantType: before?.grantType ?? 'clientCredentials', authMethod: before?.authMethod ?? 'clientSecretBasic', tokenUrl: before?.tokenUrl ?? '', clientId: before?.clientId ?? '',
    scopes: (before?.scopes ?? []).join(' '), clientSecret: '', refreshToken: '', key: '', keyId: '', life: '',
  })
  const [params, setParams] = useState(extrasOf(before?.extraParams))
  const [headers, setHeaders] = useState(extrasOf(before?.extraHeaders))
  const set = (name: keyof typeof now) => (value: string) => setNow({ ...now, [name]: value })
  // Secrets go to no other server and for no other client than those that they were given for.
  const isSame = before !== null && before.tokenUrl === now.tokenUrl && before.clientId === now.clientId
  const isJWT = now.authMethod === 'clientSecretJwt'
  const stays = { secret: isSame && before.clientSecretSet, token: isSame && before.refreshTokenSet, key: isSame && before.jwtKeySet }
  const save = () => p.onPut({ ...noLogin, oauth2: {
    grantType: now.grantType, authMethod: now.authMethod, tokenUrl: now.tokenUrl.trim(), clientId: now.clientId, scopes: now.scopes.split(/\s+/).filter(Boolean),
    clientSecret: isJWT ? undefined : secretOf(now.clientSecret, stays.secret),
    refreshToken: now.grantType === 'refreshToken' ? secretOf(now.refreshToken, stays.token) : undefined,
    jwtParams: isJWT && now.key !== '' ? { secretBase64: base64Of(now.key), signingAlgorithm: 'RS256', secretId: now.keyId || undefined, tokenExpirySecs: now.life ? Number(now.life) : undefined } : undefined,
    extraParams: recordOf(params), extraHeaders: recordOf(headers),
  } })
  return (
    <PartForm {...p} part="oauth2" isReady={now.tokenUrl.trim() !== '' && now.clientId !== ''} onSave={save}>
      {(errorAt) => (
        <>
          <div className="grid">
            <Select label={t.grant} value={now.grantType} onValue={set('grantType')} options={[['clientCredentials', t.grants.clientCredentials], ['refreshToken', t.grants.refreshToken]]} error={errorAt('grantType')} />
            <Select label={t.method} value={now.authMethod} onValue={set('authMethod')} options={[['clientSecretBasic', t.methods.clientSecretBasic], ['clientSecretPost', t.methods.clientSecretPost], ['clientSecretJwt', t.methods.clientSecretJwt]]} error={errorAt('authMethod')} />
          </div>
          <Input label={t.tokenUrl} value={now.tokenUrl} onValue={set('tokenUrl')} inputMode="url" spellCheck={false} error={errorAt('tokenUrl')} />
          <Input label={t.clientId} value={now.clientId} onValue={set('clientId')} autoComplete="off" spellCheck={false} error={errorAt('clientId')} />
          {!isJWT && <SecretInput label={t.clientSecret} stays={stays.secret} value={now.clientSecret} onValue={set('clientSecret')} error={errorAt('clientSecret')} />}
          {now.grantType === 'refreshToken' && <SecretInput label={t.refreshToken} stays={stays.token} value={now.refreshToken} onValue={set('refreshToken')} error={errorAt('refreshToken')} />}
          {isJWT && (
            <>
              <TextArea label={t.key} help={stays.key ? text.endpoint.secretStays : t.keyHelp} className="input pem" rows={5} spellCheck={false} autoComplete="off" placeholder={stays.key ? text.endpoint.valueIsSet : '-----BEGIN PRIVATE KEY-----'} value={now.key} onValue={set('key')} error={errorAt('jwtParams.secretBase64') ?? errorAt('jwtParams')} />
              <div className="grid">
                <Input label={t.keyId} help={t.withKey} value={now.keyId} onValue={set('keyId')} disabled={now.key === ''} spellCheck={false} error={errorAt('jwtParams.secretId')} />
                <Input label={t.life} help={t.withKey} type="number" min={1} max={86_400} value={now.life} onValue={set('life')} disabled={now.key === ''} error={errorAt('jwtParams.tokenExpirySecs')} />
              </div>
            </>
          )}
          <Input label={t.scopes} help={t.scopesHelp} value={now.scopes} onValue={set('scopes')} spellCheck={false} error={errorAt('scopes')} />
          <details open={params.length + headers.length > 0}>
            <summary>{t.more}</summary>
            <div className="stack">
              <Pairs label={t.params} pairs={params} onPairs={setParams} />
              {errorAt('extraParams') && <div className="note bad" role="alert">{errorAt('extraParams')}</div>}
              <Pairs label={t.headers} pairs={headers} onPairs={setHeaders} />
              {errorAt('extraHeaders') && <div className="note bad" role="alert">{errorAt('extraHeaders')}</div>}
            </div>
          </details>
        </>
      )}
    </PartForm>
  )
}

// base64Of takes PEM as it is pasted; what is base64 already goes as it is.
function base64Of(key: string): string {
  if (!key.includes('-----BEGIN')) return key.replace(/\s/g, '')
  return btoa(Array.from(new TextEncoder().encode(key), (b) => String.fromCharCode(b)).join(''))
}
