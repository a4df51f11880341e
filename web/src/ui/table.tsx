import type { ReactNode } from 'react'
import { text } from '../text'
import { Button } from './button'
import { Problem } from './page'

export type Column<T> = { head: string; cell: (row: T) => ReactNode; number?: boolean; className?: string }

/** Table is a real table. The first column is the row's heading where rowHead is set. */
export function Table<T>({ label, columns, rows, rowKey, onMore, busy }: {
  /** label is what a screen reader calls it. */
  label: string
  columns: Column<T>[]
  rows: T[]
  rowKey: (row: T) => string
  /** onMore loads the next rows; undefined where there are none. */
  onMore?: () => unknown
  busy?: boolean
}) {
  return (
    <>
      <div className="table-wrap" role="region" aria-label={label} tabIndex={0}>
        <table className="table">
          <thead><tr>{columns.map((c) => <th key={c.head} scope="col" className={c.number ? 'number' : undefined}>{c.head}</th>)}</tr></thead>
          <tbody>
            {rows.map((row) => (
              <tr key={rowKey(row)}>
                {columns.map((c) => <td key={c.head} className={[c.number && 'number', c.className].filter(Boolean).join(' ') || undefined}>{c.cell(row)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {onMore && <div className="row"><Button onPress={onMore} busy={busy}>{text.common.loadMore}</Button></div>}
    </>
  )
}

/** Listing draws what useList has: a placeholder while it loads, the problem, nothing, or the rows. */
export function Listing({ list, whenEmpty, children }: {
  list: { pending: boolean; error: unknown; rows: unknown[]; retry: () => unknown }
  whenEmpty: ReactNode
  children: ReactNode
}) {
  if (list.pending) return <Loading />
  if (list.error) return <Problem error={list.error} onRetry={list.retry} />
  return list.rows.length === 0 ? whenEmpty : children
}

/** Loading keeps the place of what is on its way. */
export function Loading({ lines = 4 }: { lines?: number }) {
  return (
    <div className="stack tight" role="status">
      <span className="sr-only">{text.common.loading}</span>
      {Array.from({ length: lines }, (_, i) => <div key={i} className="skeleton" />)}
    </div>
  )
}
