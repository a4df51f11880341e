import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react'
import { useViewer } from '../../../api/viewer'
import { text } from '../../../text'
import { legible, preference, useGo } from '../../../ui'
import type { useColumns } from './columns'
import type { LogRow } from './data'

const rowHeight = 38

/** LogTable draws the rows in sight of any number. j and k move, x selects, Enter previews, o opens, r resends. */
export function LogTable({ rows, columns, selected, onSelect, previewed, onPreview, onResend, onMore, canResend }: {
  rows: LogRow[]
  columns: ReturnType<typeof useColumns>[0]
  selected: ReadonlySet<string>
  onSelect: (ids: string[], to: boolean) => void
  previewed: string
  onPreview: (id: string) => void
  onResend: (ids: string[]) => void
  onMore?: () => unknown
  canResend: boolean
}) {
  const { to } = useViewer()
  const go = useGo()
  const box = useRef<HTMLDivElement>(null)
  const current = useRef(0)
  const t = text.messages
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 12 })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? -1
  const asking = useRef(false)
  useEffect(() => {
    if (!onMore || asking.current || last < rows.length - 20) return
    asking.current = true
    void Promise.resolve(onMore()).finally(() => { asking.current = false })
  }, [last, rows.length, onMore])

  const placeOf = (m: LogRow) => to.message(m.appId, m.id)
  const focus = (index: number) => {
    const at = Math.min(rows.length - 1, Math.max(0, index))
    current.current = at
    virtual.scrollToIndex(at)
    const row = () => box.current?.querySelector<HTMLElement>(`tr[data-index="${at}"]`)
    if (row()) row()!.focus()
    else requestAnimationFrame(() => requestAnimationFrame(() => row()?.focus())) // it is drawn after the scroll
  }
  const onKey = (e: KeyboardEvent) => {
    if (e.key.length === 1 && preference('letters') === 'off') return
    if (e.ctrlKey || e.metaKey || e.altKey || (e.target as HTMLElement).tagName === 'INPUT' && e.key !== 'j' && e.key !== 'k') return
    const at = current.current
    const row = rows[at]
    if (!row) return
    const onRow = (e.target as HTMLElement).tagName === 'TR'
    const keys: Record<string, () => void> = {
      j: () => focus(onRow ? at + 1 : at), k: () => focus(at - 1),
      ...(onRow && {
        ArrowDown: () => focus(at + 1), ArrowUp: () => focus(at - 1),
        x: () => onSelect([row.id], !selected.has(row.id)), Enter: () => onPreview(previewed === row.id ? '' : row.id), o: () => go(placeOf(row)),
        r: () => canResend && onResend(selected.size ? [...selected] : [row.id]), Escape: () => onPreview(''),
      }),
    }
    const key = keys[e.key]
    if (!key) return
    e.preventDefault()
    key()
  }
  const before = items[0]?.start ?? 0
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0)
  const all = rows.length > 0 && rows.every((m) => selected.has(m.id))
  const span = columns.length + (canResend ? 1 : 0)
  return (
    <div className="table-wrap log-box" role="region" aria-label={t.title} tabIndex={0} ref={box} onKeyDown={onKey}>
      <table className="table log-table" aria-rowcount={onMore ? -1 : rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {canResend && <th scope="col" className="log-check"><input type="checkbox" aria-label={t.selectAll} checked={all} onChange={() => onSelect(rows.map((m) => m.id), !all)} /></th>}
            {columns.map((c) => <th key={c.id} scope="col" style={{ inlineSize: c.width }}>{c.words()}</th>)}
          </tr>
        </thead>
        <tbody>
          <Spacer height={before} span={span} />
          {items.map((item) => {
            const m = rows[item.index]!
            return (
              <tr
                key={m.id} data-index={item.index} aria-rowindex={item.index + 2} tabIndex={-1} aria-selected={previewed === m.id || undefined}
                onFocus={() => { current.current = item.index }}
                onClick={(e) => { if (!(e.target as HTMLElement).closest('a, input, button')) onPreview(previewed === m.id ? '' : m.id) }}
              >
                {canResend && <td className="log-check"><input type="checkbox" aria-label={t.select(legible(m.eventType), m.id)} checked={selected.has(m.id)} onChange={(e) => onSelect([m.id], e.target.checked)} /></td>}
                {columns.map((c) => <td key={c.id}>{c.cell(m, placeOf(m))}</td>)}
              </tr>
            )
          })}
          <Spacer height={after} span={span} />
        </tbody>
      </table>
    </div>
  )
}

const Spacer = ({ height, span }: { height: number; span: number }): ReactNode => (height > 0 ? <tr aria-hidden="true"><td colSpan={span} style={{ blockSize: `${height}px`, padding: 0, border: 0 }} /></tr> : null)
