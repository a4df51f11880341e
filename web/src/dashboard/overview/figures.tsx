import type { ReactNode } from 'react'
import type { OwnShapes } from '../../api/client'
import { shareOf } from '../../charts'
import { text } from '../../text/dashboard'
import { Link } from '../../ui'
import { milliseconds, number, percent } from '../../text/format'
import { changeOf } from './change'

type Total = OwnShapes['SeriesCounts']

const share = (t: Total | null) => (t ? shareOf(t.success, t.failed) : null)
const p95 = (t: Total | null) => (t?.latency && t.latency.count > 0 ? t.latency.p95Ms : null)

/** Figures are the numbers that one looks at first, with how they were in as long a time before. */
export function Figures({ total, before, queue, issues, late }: { total: Total; before: Total | null; queue?: OwnShapes['QueueOut']; issues?: { open: number; fresh: number; isMore: boolean }; late?: number | null }) {
  const t = text.overview
  const about = queue?.approximated ? '≈ ' : ''
  const [was, is] = [share(before), share(total)]
  return (
    <dl className="figures">
      <Figure name={t.attempts} value={number(total.success + total.failed)} change={changeOf(total.success + total.failed, before && before.success + before.failed)} />
      <Figure name={t.delivered} value={number(total.success)} change={changeOf(total.success, before && before.success)} />
      <Figure name={t.succeeded} value={percent(is)} change={is !== null && was !== null ? t.points(Math.round((is - was) * 1000) / 10) : null} />
      <Figure name={t.final} value={number(total.final)} change={changeOf(total.final, before && before.final)} />
      <Figure name={t.p95} value={milliseconds(p95(total))} change={changeOf(p95(total), p95(before))} />
      <Figure name={t.dueNow} value={queue ? about + number(queue.total.now) : '–'} change={queue ? t.ofWaiting(queue.total.total) : null} />
      <Figure name={t.late} value={late === undefined ? '–' : late === null ? t.nothingLate : milliseconds(late * 1000)} change={late === undefined ? null : t.ofAll} />
      <Figure name={<Link to="/issues">{t.issues}</Link>} value={issues ? number(issues.open) + (issues.isMore ? '+' : '') : '–'} change={issues?.open ? t.freshIssues(issues.fresh) : null} />
    </dl>
  )
}

function Figure({ name, value, change }: { name: ReactNode; value: string; change: string | null }) {
  return (
    <div className="card">
      <dt>{name}</dt>
      <dd className="figure-value">{value}</dd>
      {change && <dd className="muted small">{change}</dd>}
    </div>
  )
}
