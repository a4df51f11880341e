import { QueueBars } from '../../charts'
import { text } from '../../text/dashboard'
import { milliseconds, number } from '../../text/format'
import type { System } from './data'
import { Figures } from './figures'

/** Queue is what waits in all environments. */
export function Queue({ queue }: { queue: System['queue'] }) {
  const t = text.system
  const about = (n: number | null) => (queue.approximated && n !== null ? t.atLeast(number(n)) : number(n))
  const spans = queue.byDueTime
  return (
    <section className="stack" aria-labelledby="system-queue">
      <h2 id="system-queue">{t.queue}</h2>
      <p className="muted">{t.queueHelp}</p>
      <Figures of={[
        { name: t.dueNow, value: about(queue.dueNow) },
        { name: t.inFlight, value: number(queue.inFlight), note: t.inFlightHelp },
        { name: t.dueLater, value: about(queue.waiting) },
        { name: t.onHold, value: about(queue.onHold), note: t.onHoldHelp },
        { name: t.oldestDue, value: queue.oldestDueSeconds === null ? t.nothingLate : milliseconds(queue.oldestDueSeconds * 1000) },
      ]} />
      {spans === null ? <p className="note warn">{t.notCounted}</p> : (
        <QueueBars title={t.byDueTime} approximated={queue.approximated} columns={spans.map((s, i) => ({
          key: String(i), count: s.count, label: s.untilSeconds === null ? t.later : s.untilSeconds === 0 ? t.now : t.within(span(s.untilSeconds)),
        }))} />
      )}
    </section>
  )
}

// span writes a round time in few characters.
function span(seconds: number): string {
  const [n, unit] = seconds < 60 ? [seconds, 'second'] : seconds < 3600 ? [seconds / 60, 'minute'] : [seconds / 3600, 'hour']
  return text.system.short(number(n), unit as 'second' | 'minute' | 'hour')
}
