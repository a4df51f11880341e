import { useQuery } from '@tanstack/react-query'
import { client } from '../../api/client'
import { text } from '../../text/dashboard'
import { number } from '../../text/format'
import { Loading, Problem, Table, Time } from '../../ui'

/** Counts are a source's requests by hour, of the last day, and why some were rejected. */
export function Counts({ id }: { id: string }) {
  const t = text.sources
  const query = useQuery({ queryKey: ['source', id, 'stats'], queryFn: async () => (await client.GET('/x/v1/source/{source_id}/stats', { params: { path: { source_id: id } } })).data!, refetchInterval: 10_000 })
  if (query.isPending) return <Loading />
  if (query.error) return <Problem error={query.error} onRetry={query.refetch} />
  const { totals, hours } = query.data
  const rows = (hours ?? []).toReversed()
  const most = Math.max(1, ...rows.map((h) => h.accepted + h.duplicate + h.handshake + h.rejected))
  const reasons = Object.entries(totals.reasons).sort(([, a], [, b]) => b - a)
  return (
    <div className="stack">
      <dl className="row source-totals">
        {([['accepted', totals.accepted], ['duplicate', totals.duplicate], ['handshakes', totals.handshake], ['rejected', totals.rejected]] as const).map(([k, n]) => <div key={k} className="card"><dt className="muted">{t[k]}</dt><dd><strong>{number(n)}</strong></dd></div>)}
      </dl>
      {rows.length > 0 && <Table label={t.counts} rows={rows} rowKey={(h) => h.hour} columns={[
        { head: t.hour, cell: (h) => <Time at={h.hour} full /> },
        { head: t.share, cell: (h) => (
          <svg className="source-bar" viewBox="0 0 200 10" preserveAspectRatio="none" aria-hidden="true">
            <rect className="ok" width={((h.accepted + h.duplicate + h.handshake) / most) * 200} height="10" />
            <rect className="bad" x={((h.accepted + h.duplicate + h.handshake) / most) * 200} width={(h.rejected / most) * 200} height="10" />
          </svg>) },
        { head: t.accepted, number: true, cell: (h) => number(h.accepted) },
        { head: t.duplicate, number: true, cell: (h) => number(h.duplicate) },
        { head: t.handshakes, number: true, cell: (h) => number(h.handshake) },
        { head: t.rejected, number: true, cell: (h) => number(h.rejected) },
      ]} />}
      {reasons.length > 0 && <section className="stack tight"><h2>{t.reasons}</h2><Table label={t.reasons} rows={reasons} rowKey={([r]) => r} columns={[{ head: t.reason, cell: ([r]) => r }, { head: t.count, number: true, cell: ([, n]) => number(n) }]} /></section>}
    </div>
  )
}
