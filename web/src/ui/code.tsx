import { CopyButton } from './button'

/** Code shows text as it is, with a button that copies it. */
export function Code({ value, label }: { value: string; label: string }) {
  return (
    <div className="code" role="group" aria-label={label}>
      <div style={{ float: 'inline-end' }}><CopyButton value={value} /></div>
      <pre tabIndex={0}>{value}</pre>
    </div>
  )
}
