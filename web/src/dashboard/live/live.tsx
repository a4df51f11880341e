// O9: what happens now.
import { memo, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { milliseconds } from '../../text/format'
import { Button, Chip, CopyButton, Input, Link, Page, Problem, Time, usePreference, useSearch, type Tone } from '../../ui'
import { isShortcut } from '../keys'
import { useFeed, type Missing, type Row } from './feed'
import { parseFilter } from './filter'
import { Rate } from './rate'
import './live.css'

type Why = 'reader' | 'scroll' | 'selection' | 'all'

export function Live() {
  const t = text.live
  const [search, setSearch] = useSearch()
  const expression = search.filter ?? ''
  const [typed, setTyped] = useState(expression)
  useEffect(() => setTyped(expression), [expression])
  const filter = useMemo(() => parseFilter(expression), [expression])
  const [own, setPaused] = useState<Why | null>(null)
  const [updates, setUpdates] = usePreference('updates')
  const paused = own ?? (updates === 'paused' ? 'all' : null)
  const feed = useFeed(filter, paused !== null)
  const box = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLFormElement>(null)
  const { clear } = feed
  useEffect(clear, [expression, clear])

  useEffect(() => {
    // "/" is the search of all pages; here it is the filter, and so must be first.
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== '/' || !isShortcut(e)) return
      e.preventDefault()
      e.stopImmediatePropagation()
      field.current?.querySelector('input')?.select()
    }
    addEventListener('keydown', onKey, { capture: true })
    return () => removeEventListener('keydown', onKey, { capture: true })
  }, [])

  useEffect(() => {
    // Who marks some text wants it to stay where it is.
    const onSelection = () => {
      const s = document.getSelection()
      const inside = s !== null && !s.isCollapsed && s.anchorNode !== null && box.current?.contains(s.anchorNode)
      setPaused((p) => (inside ? p ?? 'selection' : p === 'selection' ? null : p))
    }
    document.addEventListener('selectionchange', onSelection)
    return () => document.removeEventListener('selectionchange', onSelection)
  }, [])

  const onScroll = () => {
    const away = (box.current?.scrollTop ?? 0) > 4
    setPaused((p) => (away ? p ?? 'scroll' : p === 'scroll' ? null : p))
  }
  const goOn = () => {
    document.getSelection()?.removeAllRanges()
    setPaused(null)
    setUpdates('live')
    box.current?.scrollTo({ top: 0 })
  }
  const wrong = filter.wrong && t.wrong[filter.wrong.why](filter.wrong.part)
  return (
    <Page title={t.title} actions={<>
      <Rate perSecond={feed.perSecond} />
      <State state={feed.state} paused={paused} />
      <Button icon={paused ? 'play' : 'pause'} onPress={() => (paused ? goOn() : setPaused('reader'))}>{paused ? t.goOn : t.pause}</Button>
      <Button look="quiet" icon="cross" onPress={feed.clear}>{t.clear}</Button>
    </>}>
      <form ref={field} onSubmit={(e) => { e.preventDefault(); setSearch({ filter: typed.trim() }, { push: true }) }}>
        <Input label={t.filter} help={t.filterHelp} error={wrong} value={typed} onValue={setTyped} placeholder={t.filterExample} spellCheck={false} autoComplete="off"
          onKeyDown={(e) => { if (e.key === 'Escape') { setTyped(''); setSearch({ filter: '' }) } }} />
      </form>
      {feed.state === 'refused' && feed.error && <Problem error={feed.error} />}
      {feed.missed > 0 && <div className="note warn" role="status">{t.missed(feed.missed)}</div>}
      {feed.gap && <Gap gap={feed.gap} />}
      <Summary rows={feed.rows} waiting={feed.waiting} />
      <div className="table-wrap live-table" role="region" aria-label={t.title} tabIndex={0} ref={box} onScroll={onScroll}>
        {paused && feed.waiting > 0 && <div className="live-new"><Button look="primary" icon="replay" onPress={goOn}>{t.fresh(feed.waiting)}</Button></div>}
        <table className="table">
          <thead><tr>{[t.at, t.what, t.type, t.endpoint, t.took, t.message, t.copy].map((h, i) => <th key={h} scope="col" className={i === 4 ? 'number' : undefined}>{h}</th>)}</tr></thead>
          <tbody>{feed.rows.map((r) => <Line key={r.key} row={r} />)}</tbody>
        </table>
        {feed.rows.length === 0 && <p className="empty">{feed.state === 'open' ? t.quiet : t.connecting}</p>}
      </div>
    </Page>
  )
}

function Gap({ gap: { since, until } }: { gap: Missing }) {
  const t = text.live
  const place = `/messages?${new URLSearchParams({ ...(since && { after: since }), before: until })}`
  return <div className="note warn" role="status">{since ? <>{t.gapFrom} <Time at={since} full /> {t.gapTo} <Time at={until} full /></> : <>{t.gapBefore} <Time at={until} full /></>} {t.gapMissing} <Link to={place}>{t.gapMessages}</Link></div>
}

function State({ state, paused }: { state: string; paused: Why | null }) {
  const t = text.live
  const [tone, icon, words] = state === 'lost' ? ['bad', 'warning', t.lost] as const : state === 'refused' ? ['bad', 'warning', t.refused] as const
    : paused ? ['warn', 'pause', t.pausedBy[paused]] as const : state === 'open' ? ['ok', 'live', t.live] as const : ['idle', 'clock', t.connecting] as const
  return <span role="status"><Chip tone={tone} icon={icon}>{words}</Chip></span>
}

// A row is drawn once: 500 of them stand still while others come.
const Line = memo(function Line({ row: { event: e, source } }: { row: Row }) {
  const { to } = useViewer()
  return (
    <tr>
      <td><Time at={e.at} ofDay /></td>
      <td><Outcome event={e} /></td>
      <td><code>{e.eventType}</code></td>
      <td className="live-where">{e.endpointId ? <Link to={to.endpoint(e.appId, e.endpointId)} title={e.url}>{e.url || e.endpointId}</Link> : <span className="muted">{text.live.accepted}</span>}</td>
      <td className="number">{e.kind === 'attempt' ? milliseconds(e.durationMs) : ''}</td>
      <td><Link to={to.message(e.appId, e.msgId) + (e.attemptId ? `?attempt=${e.attemptId}` : '')}><code>{short(e.msgId)}</code></Link></td>
      <td><CopyButton value={source} label={text.live.copyRow} /></td>
    </tr>
  )
})

const short = (id: string) => (id.length > 14 ? `${id.slice(0, 4)}…${id.slice(-6)}` : id)

const tones: Record<number, Tone> = { 0: 'ok', 2: 'bad', 3: 'warn' }

function Outcome({ event: e }: { event: Row['event'] }) {
  const s = text.states
  if (e.kind !== 'attempt') return <Chip tone="accent" icon="send">{text.live.newMessage}</Chip>
  const words: Record<number, string> = { 0: s.delivered, 2: s.failed, 3: s.retrying, 4: s.cancelled }
  return (
    <span className="row">
      <Chip tone={tones[e.status ?? -1] ?? 'idle'} title={e.error}>{words[e.status ?? -1] ?? s.pending}</Chip>
      <span className="muted">{[e.responseStatusCode || '', e.reason ?? ''].filter(Boolean).join(' · ')}</span>
    </span>
  )
}

/** Summary tells a screen reader every few seconds how much came; row by row would never end. */
function Summary({ rows, waiting }: { rows: Row[]; waiting: number }) {
  const [words, setWords] = useState('')
  const told = useRef(0)
  const latest = useRef({ rows, waiting })
  useEffect(() => {
    latest.current = { rows, waiting }
  }, [rows, waiting])
  const say = useCallback(() => {
    const { rows: all, waiting: n } = latest.current
    const fresh = all.filter((r) => r.key > told.current)
    if (fresh.length) told.current = fresh[0]!.key
    if (fresh.length || n) setWords(text.live.summary(fresh.length, fresh.filter((r) => r.event.status === 2 || r.event.status === 3).length, n))
  }, [])
  useEffect(() => {
    const timer = setInterval(say, 8000)
    return () => clearInterval(timer)
  }, [say])
  return <p className="sr-only" aria-live="polite">{words}</p>
}
