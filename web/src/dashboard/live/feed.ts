// What comes in, kept for the page: the newest first, at most keep. While it is paused, what comes
// waits in a second list of the same size; how many there were is counted.
import { useCallback, useEffect, useRef, useState } from 'react'
import type { ApiError, OwnShapes } from '../../api/client'
import { follow, type StreamState } from '../../api/stream'
import type { Filter } from './filter'

export type Row = { key: number; event: OwnShapes['TailEvent']; source: string }
/** Missing is what lies between the place where the connection broke and what the server still keeps; since is null where that place means nothing to it. */
export type Missing = { since: string | null; until: string }

export const keep = 500

// seconds is how long the gauge looks back.
export const seconds = 30

export type Feed = {
  rows: Row[]
  waiting: number
  state: StreamState
  error?: ApiError
  missed: number
  /** gap is a time of which nothing can be shown: the connection was down, and the server kept nothing of it. */
  gap?: Missing
  /** perSecond counts what came, the last second first. */
  perSecond: number[]
  clear: () => void
}

export function useFeed(filter: Filter, paused: boolean): Feed {
  const [rows, setRows] = useState<Row[]>([])
  const [waiting, setWaiting] = useState(0)
  const [perSecond, setPerSecond] = useState<number[]>(() => Array(seconds).fill(0) as number[])
  const [{ state, error }, setState] = useState<{ state: StreamState; error?: ApiError }>({ state: 'connecting' })
  const [missed, setMissed] = useState(0)
  const [gap, setGap] = useState<Missing>()
  const held = useRef<{ rows: Row[]; count: number; second: number; next: number }>({ rows: [], count: 0, second: 0, next: 1 })
  const stopped = useRef(paused)

  // Rows are drawn together, four times a second: a busy stream must not keep the page from its reader.
  const draw = useCallback(() => {
    const h = held.current
    if (stopped.current) return setWaiting(h.count)
    if (h.rows.length) {
      const fresh = h.rows
      h.rows = []
      setRows((old) => [...fresh.reverse(), ...old].slice(0, keep))
    }
    h.count = 0
    setWaiting(0)
  }, [])

  useEffect(() => {
    stopped.current = paused
    draw()
  }, [paused, draw])

  const query = JSON.stringify(filter.query)
  const wants = useRef(filter.wants)
  useEffect(() => {
    wants.current = filter.wants
  }, [filter])

  const wrong = Boolean(filter.wrong)
  useEffect(() => {
    if (wrong) return
    const h = held.current
    h.rows = []
    h.count = 0
    setMissed(0)
    setGap(undefined)
    const stop = follow('/x/v1/tail', {
      query: JSON.parse(query) as Filter['query'],
      onState: (s, e) => setState({ state: s, error: e }),
      onEvent: ({ event, data }) => {
        if (event === 'missed') return setMissed((n) => n + (JSON.parse(data) as { missed: number }).missed)
        if (event === 'gap') {
          const found = JSON.parse(data) as Missing
          return setGap((old) => (old ? { since: old.since, until: found.until } : found))
        }
        if (event !== 'attempt' && event !== 'message') return
        const parsed = JSON.parse(data) as OwnShapes['TailEvent']
        if (!wants.current(parsed)) return
        h.rows.push({ key: h.next++, event: parsed, source: data })
        if (h.rows.length > keep) h.rows.shift()
        h.count++
        h.second++
      },
    })
    const drawing = setInterval(draw, 250)
    const counting = setInterval(() => {
      const n = h.second
      h.second = 0
      setPerSecond((old) => [n, ...old.slice(0, seconds - 1)])
    }, 1000)
    return () => {
      stop()
      clearInterval(drawing)
      clearInterval(counting)
    }
  }, [query, wrong, draw])

  const clear = useCallback(() => {
    held.current.rows = []
    held.current.count = 0
    setRows([])
    setWaiting(0)
    setMissed(0)
    setGap(undefined)
  }, [])
  return { rows, waiting, state, error, missed, gap, perSecond, clear }
}
