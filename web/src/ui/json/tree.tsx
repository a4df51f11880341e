import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { text } from '../../text'
import { Button } from '../button'
import { Icon } from '../icon'
import { legible } from '../legible'
import { toast } from '../toast'
import { FindBar } from './find'
import { findAll, pathOf, type JsonNode } from './parse'
import { firstOpen, isContainer, pageOfChildren, reveal, rowsOf, type JsonRow } from './rows'

/** JsonTree has one row for each value. Arrows move and fold, as in every tree. */
export function JsonTree({ root, source, label, tools }: { root: JsonNode; source: string; label: string; tools: ReactNode }) {
  const [open, setOpen] = useState<ReadonlySet<JsonNode>>(() => firstOpen(root))
  const [shown, setShown] = useState<ReadonlyMap<JsonNode, number>>(new Map())
  const [current, setCurrent] = useState(0)
  const [words, setWords] = useState('')
  const [hit, setHit] = useState(0)
  const tree = useRef<HTMLDivElement>(null)
  const rows = useMemo(() => rowsOf(root, open, shown), [root, open, shown])
  const hits = useMemo(() => (words.trim() ? findAll(root, source, words.trim()) : []), [root, source, words])
  const found = hits[hit]

  useEffect(() => {
    if (found) tree.current?.querySelector('.json-row.found')?.scrollIntoView({ block: 'nearest' })
  }, [found])
  const show = (node: JsonNode | undefined) => {
    if (!node) return
    const [nextOpen, nextShown] = reveal(node, open, shown)
    setOpen(nextOpen)
    setShown(nextShown)
  }
  const find = (value: string) => {
    setWords(value)
    setHit(0)
    show(value.trim() ? findAll(root, source, value.trim(), 1)[0] : undefined)
  }
  const step = (by: 1 | -1) => {
    const next = (hit + by + hits.length) % hits.length
    setHit(next)
    show(hits[next])
  }
  const toggle = (row: JsonRow, to?: boolean) => {
    if (row.hidden) return setShown(new Map(shown).set(row.node, row.node.children.length - row.hidden + pageOfChildren * 5))
    if (!isContainer(row.node)) return
    const next = new Set(open)
    if (to ?? !next.has(row.node)) next.add(row.node)
    else next.delete(row.node)
    setOpen(next)
  }
  const focus = (index: number) => {
    const to = Math.min(rows.length - 1, Math.max(0, index))
    setCurrent(to)
    tree.current?.querySelectorAll<HTMLElement>('.json-row')[to]?.focus()
  }
  const onKey = (e: KeyboardEvent) => {
    const at = Math.min(current, rows.length - 1)
    const row = rows[at]!
    const isOpen = !row.hidden && open.has(row.node)
    const moves: Record<string, () => void> = {
      ArrowDown: () => focus(at + 1),
      ArrowUp: () => focus(at - 1),
      Home: () => focus(0),
      End: () => focus(rows.length - 1),
      ArrowRight: () => (isContainer(row.node) && !isOpen ? toggle(row, true) : focus(at + 1)),
      ArrowLeft: () => (isOpen ? toggle(row, false) : focus(rows.findIndex((r) => r.node === row.node.parent))),
      Enter: () => toggle(row),
      ' ': () => toggle(row),
    }
    if (e.ctrlKey || e.metaKey || e.altKey || e.target !== e.currentTarget.querySelectorAll('.json-row')[at]) return
    const move = moves[e.key]
    if (move) {
      e.preventDefault()
      move()
    }
  }
  return (
    <>
      <FindBar value={words} onValue={find} at={hit} of={hits.length} onStep={step} label={label}>{tools}</FindBar>
      <div className="json-body" role="tree" aria-label={label} ref={tree} onKeyDown={onKey} dir="ltr">
        {rows.map((row, i) => (
          <Row
            key={`${row.node.start}${row.hidden ? '+' : ''}`} row={row} source={source} isOpen={!row.hidden && open.has(row.node)}
            isFound={row.node === found && !row.hidden} isCurrent={i === Math.min(current, rows.length - 1)}
            onPress={() => { setCurrent(i); toggle(row) }}
          />
        ))}
      </div>
    </>
  )
}

function Row({ row, source, isOpen, isFound, isCurrent, onPress }: { row: JsonRow; source: string; isOpen: boolean; isFound: boolean; isCurrent: boolean; onPress: () => void }) {
  const { node, level, hidden } = row
  const t = text.json
  const path = hidden ? '' : pathOf(node)
  const container = isContainer(node)
  return (
    <div
      className={['json-row', isFound && 'found'].filter(Boolean).join(' ')} role="treeitem" aria-level={level} aria-expanded={container && !hidden ? isOpen : undefined}
      tabIndex={isCurrent ? 0 : -1} style={{ paddingInlineStart: `${Math.min(level, 40) * 1.1}em` }} onClick={container || hidden ? onPress : undefined}
    >
      {hidden ? <span className="json-more">{t.moreItems(hidden)}</span> : (
        <>
          <span className="json-fold">{container && <Icon name={isOpen ? 'down' : 'right'} />}</span>
          {node.parent && <><bdi className="json-key">{node.key === undefined ? node.index : legible(node.key)}</bdi><span className="json-colon">: </span></>}
          {container
            ? <span className="json-sum">{node.kind === 'object' ? `{${isOpen ? '' : '…'}}` : `[${isOpen ? '' : '…'}]`} <span className="muted small">{t.items(node.children.length)}</span></span>
            : <bdi className={`json-${node.kind}`}>{legible(source.slice(node.start, node.end))}</bdi>}
          {path && <span className="json-copy" onClick={(e) => e.stopPropagation()}><Button look="quiet" icon="copy" label={t.copyPath(legible(path))} tabIndex={isCurrent ? 0 : -1} onPress={async () => { await navigator.clipboard.writeText(path); toast(text.common.copied) }} /></span>}
        </>
      )}
    </div>
  )
}
