import { text } from '../../text'
import { Chip, Table } from '../../ui'
import { isBreaking, type Change } from './compare'

/** Changes shows what one schema has against another, and the verdict first. */
export function Changes({ changes, label }: { changes: Change[]; label: string }) {
  const t = text.eventTypes
  if (changes.length === 0) return <div className="note">{t.noChange}</div>
  const breaking = changes.filter((c) => c.breaking).length
  return (
    <div className="stack tight">
      <div className={isBreaking(changes) ? 'note bad' : 'note ok'} role="status">{breaking ? t.breaking(breaking) : t.compatible(changes.length)}</div>
      <Table label={label} rows={changes} rowKey={(c) => `${c.path} ${c.kind} ${c.from} ${c.to}`} columns={[
        { head: t.where, cell: (c) => <code>{c.path || t.payload}</code> },
        { head: t.what, cell: (c) => <span>{t.kinds[c.kind]}{(c.from || c.to) && <span className="muted">{' '}{[c.from || '–', c.to || '–'].join(' → ')}</span>}</span> },
        { head: t.verdict, cell: (c) => <Chip tone={c.breaking ? 'bad' : 'ok'}>{c.breaking ? t.breaks : t.fits}</Chip> },
      ]} />
    </div>
  )
}
