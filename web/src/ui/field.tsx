import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react'

type Common = { label: string; help?: ReactNode; error?: string }

function Frame({ label, help, error, children }: Common & { children: (ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean }) => ReactNode }) {
  const id = useId()
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': error ? true : undefined })}
      {help && <div className="help" id={`${id}-help`}>{help}</div>}
      {error && <div className="error" id={`${id}-error`} role="alert">{error}</div>}
    </div>
  )
}

export function Input({ label, help, error, onValue, ...rest }: Common & { onValue?: (v: string) => void } & InputHTMLAttributes<HTMLInputElement>) {
  return <Frame label={label} help={help} error={error}>{(ids) => <input className="input" {...ids} {...rest} onChange={onValue && ((e) => onValue(e.target.value))} />}</Frame>
}

export function TextArea({ label, help, error, onValue, ...rest }: Common & { onValue?: (v: string) => void } & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return <Frame label={label} help={help} error={error}>{(ids) => <textarea className="input" {...ids} {...rest} onChange={onValue && ((e) => onValue(e.target.value))} />}</Frame>
}

/** Select is the browser's own: it works with every keyboard, screen reader and phone. */
export function Select({ label, help, error, options, onValue, ...rest }: Common & {
  options: readonly (readonly [value: string, words: string])[]
  onValue?: (v: string) => void
} & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Frame label={label} help={help} error={error}>
      {(ids) => (
        <select className="input" {...ids} {...rest} onChange={onValue && ((e) => onValue(e.target.value))}>
          {options.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
        </select>
      )}
    </Frame>
  )
}

export function Switch({ label, help, checked, onValue, disabled }: { label: string; help?: ReactNode; checked: boolean; onValue: (v: boolean) => void; disabled?: boolean }) {
  const id = useId()
  return (
    <div className="field">
      <div className="row">
        <input type="checkbox" role="switch" className="switch" id={id} checked={checked} onChange={(e) => onValue(e.target.checked)} disabled={disabled} aria-describedby={help ? `${id}-help` : undefined} />
        <label htmlFor={id}>{label}</label>
      </div>
      {help && <div className="help" id={`${id}-help`}>{help}</div>}
    </div>
  )
}
