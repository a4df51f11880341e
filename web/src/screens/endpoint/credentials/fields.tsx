import { useRef, type ChangeEvent, type ReactNode } from 'react'
import { text } from '../../../text'
import { Button, Form, Input, TextArea, toast, type ErrorAt } from '../../../ui'
import { replacesLogin, type Part, type PartProps } from './part'

/** PartForm is the frame of every part's form. Its errorAt takes places below the part, and '' for the part itself. */
export function PartForm({ part, saved, onClose, isReady, onSave, children }: Omit<PartProps, 'onPut'> & { part: Part; isReady: boolean; onSave: () => Promise<unknown>; children: (errorAt: ErrorAt) => ReactNode }) {
  const t = text.endpoint
  const save = async () => {
    await onSave()
    toast(t.saved)
    onClose()
  }
  return (
    <Form noValidate onSave={save} footer={(busy) => (
      <footer>
        <Button onPress={onClose}>{text.common.cancel}</Button>
        <Button look="primary" type="submit" busy={busy} disabled={!isReady}>{text.common.save}</Button>
      </footer>
    )}>
      {(errorAt) => (
        <>
          <p className="muted">{t.partHelp[part]}</p>
          {replacesLogin(saved, part) && <div className="note warn">{t.replacesLogin}</div>}
          {children((field) => errorAt(field ? `${part}.${field}` : part))}
        </>
      )}
    </Form>
  )
}

/** SecretInput takes a secret that nobody is shown. stays: one is set, and is kept where nothing is typed. */
export function SecretInput({ label, help, stays, value, onValue, error }: { label: string; help?: string; stays: boolean; value: string; onValue: (v: string) => void; error?: string }) {
  const t = text.endpoint
  return <Input label={label} help={stays ? t.secretStays : help} type="password" autoComplete="new-password" spellCheck={false} placeholder={stays ? t.valueIsSet : undefined} value={value} onValue={onValue} error={error} />
}

/** PemInput takes PEM, typed or from a file. */
export function PemInput({ label, help, stays, value, onValue, error }: { label: string; help: string; stays?: boolean; value: string; onValue: (v: string) => void; error?: string }) {
  const t = text.endpoint
  const file = useRef<HTMLInputElement>(null)
  const read = async (e: ChangeEvent<HTMLInputElement>) => {
    const { files } = e.target
    if (files?.length) onValue((await Promise.all([...files].map((f) => f.text()))).join('\n'))
    e.target.value = ''
  }
  return (
    <div className="stack tight">
      <TextArea label={label} help={stays ? `${help} ${t.secretStays}` : help} className="input pem" spellCheck={false} autoComplete="off" rows={7} placeholder={stays ? t.valueIsSet : '-----BEGIN CERTIFICATE-----'} value={value} onValue={onValue} error={error} />
      <input ref={file} type="file" multiple hidden accept=".pem,.crt,.cer,.key,.txt" aria-label={t.fromFiles} onChange={read} />
      <div><Button onPress={() => file.current?.click()}>{t.fromFiles}</Button></div>
    </div>
  )
}
