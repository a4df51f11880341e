import { expect, test } from 'vitest'
import type { Attempt, Delivery } from './data'
import { phasesOf, placeOn, ticksOf, timelineOf } from './timeline'

const at = (ms: number) => new Date(1_700_000_000_000 + ms).toISOString()
const attempt = (endpointId: string, ms: number, took: number, more: Partial<Attempt['hookloft'] & object> = {}): Attempt => ({
  id: `atmpt_${ms}`, endpointId, msgId: 'm', url: '', response: '', responseStatusCode: 200, responseDurationMs: took, status: 0, statusText: 'success', triggerType: 0, timestamp: at(ms),
  hookloft: { n: 1, timings: { dnsMs: 0, connectMs: 1, tlsMs: 0, firstByteMs: 3, bodyMs: 0.5, reused: false }, ...more },
})
const delivery = (endpointId: string, more: Partial<Delivery> = {}): Delivery => ({ endpointId, url: '', state: 'delivered', attempts: 1, nextAttempt: null, nextStep: null, verdict: '', ...more })

test('both scales begin at the begin, end at the end and never go back', () => {
  for (const scale of ['even', 'true'] as const) {
    for (const span of [1, 80, 3000, 100_000_000]) {
      expect([placeOn(scale, 0, span), placeOn(scale, span, span), placeOn(scale, span * 9, span), placeOn(scale, -5, span)]).toEqual([0, 1, 1, 0])
      const places = Array.from({ length: 50 }, (_, i) => placeOn(scale, (span * i) / 50, span))
      expect([...places].sort((a, b) => a - b)).toEqual(places)
      const ticks = ticksOf(scale, span)
      for (let i = 1; i < ticks.length; i++) expect(ticks[i]!.at - ticks[i - 1]!.at).toBeGreaterThanOrEqual(0.11)
      for (const tick of ticks) expect(tick.at).toBeLessThan(0.9) // its words have room
    }
  }
  expect(placeOn('even', 5000, 97_500_000)).toBeGreaterThan(0.1) // the first retry of a day of retries is seen
  expect(placeOn('true', 1, 0)).toBe(0)
})

test('attempts stand in the row of their endpoint, with what is due at the end', () => {
  const line = timelineOf(at(0), [delivery('ep_1'), delivery('dest_2', { state: 'pending', nextAttempt: at(60_000) }), delivery('ep_3', { state: 'held', nextAttempt: at(90_000) })],
    [attempt('ep_1', 500, 20), attempt('ep_1', 10, 30), attempt('ep_2', 20, 5, { destinationId: 'dest_2' })])
  expect(line.rows.map((r) => r.attempts.map((a) => a.timestamp))).toEqual([[at(10), at(500)], [at(20)], []])
  expect(line.begin).toBe(Date.parse(at(0)))
  expect(line.span).toBe(60_000) // what is held is not due
  expect(timelineOf(undefined, [], []).span).toBe(1)
})

test('a phase that did not happen is not drawn', () => {
  expect(phasesOf(attempt('e', 0, 5))).toEqual([{ phase: 'connect', ms: 1 }, { phase: 'wait', ms: 3 }, { phase: 'read', ms: 0.5 }])
})
