import { useEffect, useRef, useState } from 'react'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { Button, Chip, Code, CodeEditor, Input, Link, Select, Table, useSearch, wordsOf } from '../../ui'
import { tryCode, type Place } from './data'
import type { Run } from './run'

/** Trial runs code on what came, or on what is typed, and shows what it makes of it; nothing is sent. ?message= is run at once. */
export function Trial({ place, code, variables, onFailedAt }: { place: Place; code: string; variables: Record<string, string>; onFailedAt: (line: number, column?: number) => void }) {
  const [search, set] = useSearch()
  const message = search.message ?? ''
  const [on, setOn] = useState(message ? 'message' : 'last')
  const [payload, setPayload] = useState('{\n  \n}')
  const [eventType, setEventType] = useState('')
  const [runs, setRuns] = useState<Run[] | null>(null)
  const [problem, setProblem] = useState('')
  const t = text.endpoint
  const run = async () => {
    setProblem('')
    try {
      const input = on === 'message' ? { messageId: message } : on === 'last' ? { last: 20 } : { text: payload, eventType: eventType || undefined }
      const out = await tryCode(place, code, variables, input)
      setRuns(out)
      const failed = out.find((r) => r.failure?.line)
      if (failed?.failure?.line) onFailedAt(failed.failure.line, failed.failure.column ?? undefined)
    } catch (e) {
      setRuns(null)
      setProblem(wordsOf(e))
    }
  }
  const isFirst = useRef(true)
  useEffect(() => {
    if (isFirst.current && message) void run()
    isFirst.current = false
    // Only what the page was opened with runs by itself.
  }, [])
  return (
    <section className="stack card">
      <h2>{t.tryIt}</h2>
      <Select label={t.runOn} value={on} onValue={setOn} options={[['last', t.runOnLast], ['message', t.runOnMessage], ['text', t.runOnText]]} />
      {on === 'message' && <Input label={t.messageId} value={message} onValue={(v) => set({ message: v.trim() })} spellCheck={false} />}
      {on === 'text' && <><Input label={t.eventType} value={eventType} onValue={setEventType} /><CodeEditor label={t.payload} language="json" lines={5} value={payload} onValue={setPayload} /></>}
      <div><Button icon="play" disabled={on === 'message' && !message} onPress={run}>{t.run}</Button></div>
      {problem && <div className="note bad" role="alert">{problem}</div>}
      {runs && <Results place={place} runs={runs} />}
    </section>
  )
}

function Results({ place, runs }: { place: Place; runs: Run[] }) {
  const { to } = useViewer()
  const [at, setAt] = useState(0)
  const shown = runs[at] ?? runs[0]
  const t = text.endpoint
  const outcome = (r: Run) => r.failure ? <Chip tone="bad">{t.outcomes.failed}</Chip> : r.outcome === 'cancelled' ? <Chip tone="idle">{t.outcomes.cancelled}</Chip> : r.unchanged ? <Chip tone="idle" icon="check">{t.outcomes.unchanged}</Chip> : <Chip tone="ok">{t.outcomes.changed}</Chip>
  return (
    <div className="stack">
      <p role="status"><strong>{runs.length === 0 ? t.noMessages : t.runSummary(runs.length, runs.filter((r) => !r.unchanged && !r.failure && r.outcome !== 'cancelled').length, runs.filter((r) => r.outcome === 'cancelled').length, runs.filter((r) => r.failure).length)}</strong></p>
      {runs.length > 1 && (
        <Table label={t.results} rows={runs.map((r, i) => ({ r, i }))} rowKey={({ i }) => String(i)} columns={[
          { head: t.message, cell: ({ r, i }) => <Button look="quiet" aria-pressed={i === at} onPress={() => setAt(i)}>{r.messageId ?? r.eventType}</Button> },
          { head: t.eventType, cell: ({ r }) => r.eventType },
          { head: t.outcome, cell: ({ r }) => outcome(r) },
          { head: t.differences, number: true, cell: ({ r }) => (r.hasMore ? `${r.differences.length}+` : r.differences.length) },
        ]} />
      )}
      {shown && (
        <div className="stack">
          <div className="row">{outcome(shown)}{shown.messageId && <Link to={to.message(place.app_id, shown.messageId)}>{shown.messageId}</Link>}</div>
          {shown.failure && <div className="note bad" role="alert">{shown.failure.detail}</div>}
          <div className="grid">
            <div className="stack tight"><h3>{t.before}</h3><Code label={t.before} value={shown.before} /></div>
            {shown.after !== null && <div className="stack tight"><h3>{t.after}</h3><Code label={t.after} value={shown.after} /></div>}
          </div>
          {shown.request.length > 0 && <dl className="facts">{shown.request.map((f) => <div key={f.name} style={{ display: 'contents' }}><dt>{f.name}</dt><dd><code>{f.value}</code></dd></div>)}</dl>}
          {shown.differences.length > 0 && (
            <Table label={t.differences} rows={shown.differences.map((d, i) => ({ d, i }))} rowKey={({ i }) => String(i)} columns={[
              { head: t.change, cell: ({ d }) => t.ops[d.op as keyof typeof t.ops] ?? d.op },
              { head: t.path, cell: ({ d }) => <code>{d.path}</code> },
              { head: t.before, cell: ({ d }) => <code>{d.from}</code> },
              { head: t.after, cell: ({ d }) => <code>{d.value}</code> },
            ]} />
          )}
          {shown.console.length > 0 && <div className="stack tight"><h3>{t.console}</h3><Code label={t.console} value={shown.console.join('\n')} /></div>}
        </div>
      )}
    </div>
  )
}
