// Server-sent events by fetch: EventSource sends no Authorization header, and a token has no
// place in a URL.
import { ApiError, baseURL, credentials, errorOf } from './client'
import { eventReader, type StreamEvent } from './events'

export type { StreamEvent }
export type StreamState = 'connecting' | 'open' | 'lost' | 'refused'

type Follow = {
  query?: Record<string, string | string[] | undefined>
  onEvent: (e: StreamEvent) => void
  /** onState is told each change; error is why a stream is lost or refused. A refused one is not asked again. */
  onState?: (s: StreamState, error?: ApiError) => void
}

const firstWait = 500
const lastWait = 15_000

/** follow reads a stream until the returned function is called. It reconnects by itself, the later the more often it failed, from
    the last event on where the server can. A page that is out of sight goes on: its rows are there when one looks again. */
export function follow(path: string, { query, onEvent, onState }: Follow): () => void {
  const abort = new AbortController()
  const address = new URL(baseURL + path)
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const v of Array.isArray(value) ? value : [value]) if (v) address.searchParams.append(name, v)
  }
  let lastId = ''
  let wait = firstWait
  const run = async () => {
    while (!abort.signal.aborted) {
      onState?.('connecting')
      let problem: ApiError | undefined
      const place = lastId
      try {
        const response = await fetch(address, {
          headers: { ...credentials.headers(), Accept: 'text/event-stream', ...(place && { 'Last-Event-ID': place }) },
          signal: abort.signal,
          cache: 'no-store',
        })
        if (!response.ok || !response.body) throw await errorOf(response)
        onState?.('open')
        for await (const e of eventsOf(response.body, place)) {
          wait = firstWait // it lives
          lastId = e.id
          if (e.event) onEvent(e)
        }
      } catch (e) {
        if (abort.signal.aborted) return
        problem = e instanceof ApiError ? e : new ApiError(0, 'no_answer', String(e))
        if (problem.status === 401) credentials.refused(problem)
        if (problem.status >= 400 && problem.status < 500 && problem.status !== 429 && problem.status !== 408) return onState?.('refused', problem)
      }
      if (abort.signal.aborted) return
      onState?.('lost', problem)
      // A little chance, so that all pages do not come back at once after a restart.
      await pause(wait * (0.75 + Math.random() / 2), abort.signal)
      wait = Math.min(wait * 2, lastWait)
    }
  }
  void run()
  return () => abort.abort()
}

const pause = (ms: number, signal: AbortSignal) => new Promise<void>((done) => {
  const timer = setTimeout(done, ms)
  signal.addEventListener('abort', () => { clearTimeout(timer); done() }, { once: true })
})

async function* eventsOf(body: ReadableStream<Uint8Array>, place: string): AsyncGenerator<StreamEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const take = eventReader(place)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield* take(decoder.decode(value, { stream: true }))
    }
  } finally {
    void reader.cancel().catch(() => {})
  }
}
