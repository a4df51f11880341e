// What was different when it last went well.
import { useQuery } from '@tanstack/react-query'
import { client, type Shapes } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text'
import { bytes, milliseconds } from '../../text/format'
import { Chip, legible, Link, Loading, Problem, Time } from '../../ui'
import { certificateRows, connectionWords } from './connection'
import { headersOf, type Attempt } from './data'
import { diffHeaders, type HeaderDiff } from './diff'

type Headers = Shapes['MessageAttemptHeadersOut'] | undefined

const mostCalls = 10

/** useLastSuccess is the newest attempt at the same endpoint that the receiver accepted before this one; null for none. */
function useLastSuccess(appId: string, attempt: Attempt) {
  return useQuery({
    queryKey: ['attempt', attempt.id, 'last success'],
    queryFn: async () => {
      // One call looks at a bounded number of attempts: after a long outage the first finds none.
      let iterator: string | undefined
      for (let calls = 0; calls < mostCalls; calls++) {
        const { data } = await client.GET('/api/v1/app/{app_id}/attempt/endpoint/{endpoint_id}', {
          params: { path: { app_id: appId, endpoint_id: attempt.endpointId }, query: { limit: 1, status: 0, expanded_statuses: true, before: attempt.timestamp, iterator } },
        })
        const found = data!.data[0]
        if (found) return { attempt: found, headers: await headersOf(appId, found.msgId, found.id) }
        if (data!.done || !data!.iterator) break
        iterator = data!.iterator
      }
      return null
    },
  })
}

export function Compare({ appId, attempt, headers }: { appId: string; attempt: Attempt; headers: Headers }) {
  const { to } = useViewer()
  const query = useLastSuccess(appId, attempt)
  const t = text.message
  if (query.isPending) return <Loading />
  if (query.error) return <Problem error={query.error} onRetry={query.refetch} />
  if (!query.data) return <p className="muted">{t.noSuccess}</p>
  const { attempt: good, headers: goodHeaders } = query.data
  const total = (a: Attempt) => milliseconds(a.responseDurationMs)
  const size = (a: Attempt) => bytes(a.responseStatusCode ? new Blob([a.response]).size : undefined)
  const facts: [string, string, string][] = [
    [t.statusCode, String(attempt.responseStatusCode || t.noAnswer), String(good.responseStatusCode)],
    [t.url, attempt.url, good.url],
    [t.address, attempt.hookloft?.remoteAddr ?? '–', good.hookloft?.remoteAddr ?? '–'],
    [t.protocol, connectionWords(attempt), connectionWords(good)],
    ...certificateRows(attempt, good),
    [t.took, total(attempt), total(good)],
    [t.answerSize, size(attempt), size(good)],
  ]
  return (
    <div className="stack tight">
      <p>{t.comparedWith} <Link to={`${to.message(appId, good.msgId)}?attempt=${good.id}`}><Time at={good.timestamp} /></Link></p>
      <Sides label={t.facts} rows={facts.map(([name, here, there]) => ({ name, here, there, same: here === there || name === t.took }))} />
      <h4>{t.sentHeaders}</h4>
      <Sides label={t.sentHeaders} rows={diffHeaders(Object.entries(headers?.sentHeaders ?? {}), Object.entries(goodHeaders?.sentHeaders ?? {}))} onlyDifferent />
      <h4>{t.answerHeaders}</h4>
      <Sides label={t.answerHeaders} rows={diffHeaders(pairs(headers), pairs(goodHeaders))} onlyDifferent />
    </div>
  )
}

const pairs = (h: Headers): [string, string][] => (h?.responseHeaders ?? []).map(([name, value]) => [name ?? '', value ?? ''])

function Sides({ label, rows, onlyDifferent }: { label: string; rows: HeaderDiff[]; onlyDifferent?: boolean }) {
  const t = text.message
  const shown = onlyDifferent ? rows.filter((r) => !r.same) : rows
  if (shown.length === 0) return <p className="muted">{t.noDifference}</p>
  return (
    <div className="table-wrap" role="region" aria-label={label} tabIndex={0}>
      <table className="table headers">
        <caption className="sr-only">{label}</caption>
        <thead><tr><th scope="col">{t.headerName}</th><th scope="col">{t.here}</th><th scope="col">{t.there}</th><th scope="col">{t.difference}</th></tr></thead>
        <tbody>
          {shown.map((r) => (
            <tr key={r.name}>
              <th scope="row"><bdi>{legible(r.name)}</bdi></th>
              <td><bdi>{r.here === undefined ? '–' : legible(r.here)}</bdi></td>
              <td><bdi>{r.there === undefined ? '–' : legible(r.there)}</bdi></td>
              <td>{r.same ? <span className="muted">{t.same}</span> : <Chip tone="warn">{t.differs}</Chip>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
