import { useState, type FormEvent } from 'react'
import { text } from '../../text/dashboard'
import { Button, Input, toast, Unsaved, useDraft, wordsOf } from '../../ui'
import { parseSchedule, standard, writeSchedule } from './schedule'

/** RetrySchedule edits when a failed delivery is tried again, and draws it. */
export function RetrySchedule({ now, patch, writes }: { now: number[] | null; patch: (c: Record<string, unknown>) => Promise<void>; writes: boolean }) {
  const t = text.settings
  const draft = useDraft({ value: writeSchedule(now ?? standard) })
  const { value } = draft.now
  const [problem, setProblem] = useState('')
  const delays = parseSchedule(value)
  const save = async (policy: number[] | null) => {
    setProblem('')
    try {
      await draft.saving(() => patch({ retryPolicy: policy }))
      toast(t.saved)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  const submit = (e: FormEvent) => {
    e.preventDefault()
    if (delays) void save(delays)
    else setProblem(t.scheduleWrong)
  }
  return (
    <form className="card stack" onSubmit={submit}>
      <h2>{t.retries}</h2>
      <Input label={t.schedule} help={t.scheduleHelp} error={problem || (delays ? undefined : t.scheduleWrong)} value={value} onValue={(v) => draft.set({ value: v })} spellCheck={false} disabled={!writes} />
      {delays && <Timeline delays={delays} />}
      {writes && <div className="row"><Button look="primary" type="submit">{t.saveSchedule}</Button>{now !== null && <Button onPress={() => save(null)}>{t.standardSchedule}</Button>}<Unsaved draft={draft} /></div>}
    </form>
  )
}

// Timeline has a dot for each attempt on a logarithmic axis, and says the same as a list.
function Timeline({ delays }: { delays: number[] }) {
  const t = text.settings
  const times = delays.reduce<number[]>((all, d) => [...all, all.at(-1)! + d], [0])
  const end = Math.max(60, times.at(-1)!)
  const x = (s: number) => 10 + (Math.log(1 + s) / Math.log(1 + end)) * 480
  const marks = [[0, t.now], [60, '1 min'], [3600, '1 h'], [86_400, '1 d'], [604_800, '7 d']].filter(([s]) => (s as number) <= end) as [number, string][]
  return (
    <figure>
      <svg className="timeline" viewBox="0 0 500 60" role="img" aria-label={t.timeline(times.length, writeSchedule([times.at(-1)!]))}>
        <line x1="10" x2="490" y1="26" y2="26" />
        {marks.map(([s, words]) => <g key={s}><line x1={x(s)} x2={x(s)} y1="20" y2="36" /><text x={x(s)} y="52" textAnchor={s === 0 ? 'start' : x(s) > 470 ? 'end' : 'middle'}>{words}</text></g>)}
        {times.map((s, i) => <circle key={i} cx={x(s)} cy="26" r="4.5"><title>{t.attemptAfter(i + 1, s ? written(s) : t.now)}</title></circle>)}
      </svg>
      <details><summary className="small">{t.attempts(times.length)}</summary><ol>{times.map((s, i) => <li key={i}>{s ? t.after(written(s)) : t.atOnce}</li>)}</ol></details>
    </figure>
  )
}

function written(seconds: number): string {
  const parts: string[] = []
  for (const [unit, size] of [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]] as const) {
    const n = Math.floor(seconds / size)
    if (n) parts.push(`${n} ${unit}`)
    seconds -= n * size
  }
  return parts.slice(0, 2).join(' ')
}
