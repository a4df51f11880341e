// What a script makes of messages. The answer is read from its text: values that differ are shown as they are, and a
// number may be larger than JavaScript holds.
import { parse, stringify } from 'lossless-json'

export type Difference = { op: string; path: string; value: string; from: string }

export type Run = {
  messageId: string | null
  eventType: string
  outcome: string
  unchanged: boolean
  before: string
  after: string | null
  console: string[]
  differences: Difference[]
  hasMore: boolean
  failure: { detail: string; line: number | null; column: number | null } | null
  /** request names what differs besides the payload: method, URL, headers. */
  request: { name: string; value: string }[]
}

type Loose = Record<string, unknown>

/** runsOf reads the answer's text. */
export function runsOf(answer: string): Run[] {
  const { data } = parse(answer) as { data: Loose[] }
  return data.map((r) => {
    const failure = r.failure as Loose | null | undefined
    const value = (v: unknown) => (v === undefined ? '' : stringify(v) ?? '')
    return {
      messageId: r.messageId as string | null,
      eventType: r.eventType as string,
      outcome: r.outcome as string,
      unchanged: r.unchanged === true,
      before: r.before as string,
      after: r.after as string | null,
      console: ((failure?.console ?? r.console ?? []) as string[]),
      differences: ((r.differences ?? []) as Loose[]).map((d) => ({ op: String(d.op), path: String(d.path), value: value(d.value), from: value(d.from) })),
      hasMore: r.hasMoreDifferences === true,
      failure: failure ? { detail: String(failure.detail), line: failure.line == null ? null : Number(failure.line), column: failure.column == null ? null : Number(failure.column) } : null,
      request: [
        ...(['method', 'url'] as const).filter((n) => typeof r[n] === 'string' && r[n] !== '').map((name) => ({ name, value: String(r[name]) })),
        ...Object.entries((r.headers ?? {}) as Record<string, string>).map(([name, v]) => ({ name, value: v })),
      ],
    }
  })
}
