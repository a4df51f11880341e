// Where in the width of the waterfall a moment is. Retries come after seconds, minutes and
// hours: on a true scale the first ones would be one line, so the scale may be even by steps of time.
import type { Attempt, Delivery } from './data'

export type Scale = 'even' | 'true'

/** placeOn returns where so many milliseconds after the begin are, 0 to 1. */
export function placeOn(scale: Scale, ms: number, span: number): number {
  const t = Math.min(Math.max(ms, 0), span)
  if (span <= 0) return 0
  if (scale === 'true') return t / span
  const unit = Math.min(1000, span / 20)
  return Math.log1p(t / unit) / Math.log1p(span / unit)
}

const second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour
const rounds = [1, 5, 10, 50, 100, 500, second, 5 * second, 10 * second, 30 * second, minute, 5 * minute, 15 * minute, 30 * minute, hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 5 * day, 10 * day, 30 * day, 90 * day]

// after which a tick's words would stand out of the picture at its end
const lastTick = 0.88

/** ticksOf returns round times that stand apart enough to be read. */
export function ticksOf(scale: Scale, span: number, apart = 0.11): { ms: number; at: number }[] {
  const ticks: { ms: number; at: number }[] = []
  for (const ms of rounds) {
    if (ms > span) break
    const at = placeOn(scale, ms, span)
    if (at < apart || (ticks.length > 0 && at - ticks.at(-1)!.at < apart) || at > lastTick) continue
    ticks.push({ ms, at })
  }
  return ticks
}

export const phases = ['dns', 'connect', 'tls', 'wait', 'read'] as const
export type Phase = (typeof phases)[number]

/** phasesOf splits an attempt's time, in milliseconds; a phase that did not happen is absent. */
export function phasesOf(a: Attempt): { phase: Phase; ms: number }[] {
  const t = a.hookloft?.timings
  if (!t) return []
  const all = { dns: t.dnsMs, connect: t.connectMs, tls: t.tlsMs, wait: t.firstByteMs, read: t.bodyMs }
  return phases.map((phase) => ({ phase, ms: all[phase] })).filter((p) => p.ms > 0)
}

export type Row = { delivery: Delivery; attempts: Attempt[]; due?: number }
export type Timeline = { begin: number; span: number; rows: Row[] }

const endOf = (a: Attempt) => Date.parse(a.timestamp) + a.responseDurationMs

/** timelineOf puts attempts to their endpoints, the oldest first. It begins when the message was accepted, or with an earlier attempt. */
export function timelineOf(accepted: string | undefined, deliveries: Delivery[], attempts: Attempt[]): Timeline {
  const rows = deliveries.map((delivery): Row => ({
    delivery,
    attempts: attempts.filter((a) => a.endpointId === delivery.endpointId || a.hookloft?.destinationId === delivery.endpointId)
      .sort((a, b) => Date.parse(a.timestamp) - Date.parse(b.timestamp)),
    due: delivery.state === 'pending' && delivery.nextAttempt ? Date.parse(delivery.nextAttempt) : undefined,
  }))
  const starts = [accepted ? Date.parse(accepted) : Infinity, ...attempts.map((a) => Date.parse(a.timestamp))]
  const begin = Math.min(...starts)
  const ends = [...attempts.map(endOf), ...rows.map((r) => r.due ?? 0)]
  return { begin, span: Math.max(1, Math.max(0, ...ends) - begin), rows }
}
