import { useState } from 'react'
import { text } from '../../../text'
import { Input, Select } from '../../../ui'
import { PartForm, SecretInput } from './fields'
import { secretOf, type PartProps } from './part'

const layouts = ['github', 'stripe', 'shopify', 'slack'] as const
const details = ['header', 'value', 'content', 'timestampHeader'] as const
const choices = { algorithm: ['sha256', 'sha512', 'sha1'], encoding: ['hex', 'base64'], keyEncoding: ['text', 'base64', 'hex'] } as const

const none = { header: '', value: '', content: '', timestampHeader: '', algorithm: '', encoding: '', keyEncoding: '' }

/** HmacForm is a second signature, as another sender makes it. */
export function HmacForm(p: PartProps) {
  const t = text.endpoint.hmac
  const before = p.saved.hmac
  const [preset, setPreset] = useState(before ? before.preset ?? '' : 'github')
  const [secret, setSecret] = useState('')
  // What stays empty is that of the layout.
  const [own, setOwn] = useState(before && !before.preset ? { ...none, ...before, timestampHeader: before.timestampHeader ?? '' } : none)
  const stays = before !== null
  const set = (name: keyof typeof none) => (value: string) => setOwn({ ...own, [name]: value })
  const save = () => p.onPut({ hmac: {
    preset: preset || undefined, secret: secretOf(secret, stays),
    ...Object.fromEntries((Object.keys(none) as (keyof typeof none)[]).filter((k) => own[k] !== '').map((k) => [k, own[k]])),
  } })
  return (
    <PartForm {...p} part="hmac" isReady={secret !== '' || stays} onSave={save}>
      {(errorAt) => (
        <>
          <Select label={t.layout} value={preset} onValue={(v) => { setPreset(v); setOwn(none) }} options={[...layouts.map((l) => [l, t.layouts[l]] as const), ['', t.ownLayout]]} error={errorAt('preset')} />
          <SecretInput label={t.secret} stays={stays} value={secret} onValue={setSecret} error={errorAt('secret')} />
          <details key={preset} open={preset === ''}>
            <summary>{t.details}</summary>
            <div className="stack">
              {details.map((d) => <Input key={d} label={t.fields[d]} help={t.fieldHelp[d]} placeholder={preset ? t.ofLayout : undefined} value={own[d]} onValue={set(d)} spellCheck={false} error={errorAt(d)} />)}
              <div className="grid">
                {(['algorithm', 'encoding', 'keyEncoding'] as const).map((c) => <Select key={c} label={t.fields[c]} value={own[c]} onValue={set(c)} options={[['', preset ? t.ofLayout : choices[c][0]], ...choices[c].filter((v) => preset || v !== choices[c][0]).map((v) => [v, v] as const)]} error={errorAt(c)} />)}
              </div>
            </div>
          </details>
        </>
      )}
    </PartForm>
  )
}
