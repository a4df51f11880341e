import { text } from '../../text/dashboard'
import { bytes, number } from '../../text/format'
import { Chip, Table, Time, type Tone } from '../../ui'
import type { System } from './data'
import { Figures } from './figures'

type Store = System['store']
type Segment = NonNullable<Store['segments']>[number]

const tones: Record<string, Tone> = { open: 'accent', closed: 'idle', compacting: 'warn', empty: 'idle' }

/** StoreSection is where messages and settings are kept, and what each file of it takes. */
export function StoreSection({ store }: { store: Store }) {
  const t = text.system
  const segments = store.segments ?? []
  const most = Math.max(0, ...segments.map((s) => s.bytes + s.logBytes))
  const never = <span className="muted">{t.never}</span>
  return (
    <section className="stack" aria-labelledby="system-store">
      <h2 id="system-store">{t.store}</h2>
      <Figures of={[
        { name: t.used, value: bytes(store.usedBytes), note: store.maxBytes === null ? t.noBound : t.ofMost(bytes(store.maxBytes)) },
        { name: t.free, value: bytes(store.freeBytes), note: store.diskBytes === null ? undefined : t.ofDisk(bytes(store.diskBytes)) },
        { name: t.segments, value: number(store.segmentsTotal) },
        { name: t.oldest, value: store.oldestMessageAt ? <Time at={store.oldestMessageAt} /> : '–' },
      ]} />
      <dl className="facts">
        <dt>{t.kind}</dt><dd>{store.kind}</dd>
        <dt>{t.directory}</dt><dd className="mono">{store.directory}</dd>
        <dt>{t.reserve}</dt><dd>{bytes(store.reserveBytes)}</dd>
        <dt>{t.lastBackup}</dt><dd>{store.lastBackup ? <><Time at={store.lastBackup.at} /> {t.ofSize(bytes(store.lastBackup.bytes))}</> : never}</dd>
        <dt>{t.lastReclaim}</dt><dd>{store.lastReclaim ? <><Time at={store.lastReclaim.at} /> {t.gaveBack(bytes(store.lastReclaim.bytes))}</> : never}</dd>
      </dl>
      <Table<Segment> label={t.segments} rows={segments} rowKey={(s) => s.name} columns={[
        { head: t.from, cell: (s) => <Time at={s.from} full /> },
        { head: t.state, cell: (s) => <Chip tone={tones[s.state] ?? 'idle'}>{(t.segmentStates as Record<string, string>)[s.state] ?? s.state}</Chip> },
        { head: t.size, number: true, cell: (s) => bytes(s.bytes) },
        { head: t.log, number: true, cell: (s) => bytes(s.logBytes) },
        { head: t.share, cell: (s) => <span className="size-bar" aria-hidden="true"><span style={{ inlineSize: `${most ? (100 * (s.bytes + s.logBytes)) / most : 0}%` }} /></span> },
        { head: t.file, cell: (s) => <span className="mono small">{s.name}</span> },
      ]} />
      {segments.length < store.segmentsTotal && <p className="muted">{t.newestOnly(segments.length, store.segmentsTotal)}</p>}
      <Table label={t.files} rows={store.files ?? []} rowKey={(f) => f.name} columns={[
        { head: t.file, cell: (f) => <span className="mono">{f.name}</span> },
        { head: t.size, number: true, cell: (f) => bytes(f.bytes) },
        { head: t.log, number: true, cell: (f) => bytes(f.logBytes) },
      ]} />
    </section>
  )
}

/** Slow are the operations of the store that took long. */
export function Slow({ slow }: { slow: Store['slow'] }) {
  const t = text.system
  const latest = slow.latest ?? []
  const limit = number(slow.afterSeconds * 1000)
  return (
    <section className="stack tight" aria-labelledby="system-slow">
      <h2 id="system-slow">{t.slow}</h2>
      <p className="muted">{slow.count === 0 ? t.noneSlow(limit) : t.someSlow(slow.count, limit)}</p>
      {latest.length > 0 && (
        <Table label={t.slow} rows={latest.map((one, i) => ({ ...one, key: `${one.at}-${i}` }))} rowKey={(one) => one.key} columns={[
          { head: t.kind, cell: (one) => one.kind },
          { head: t.operation, cell: (one) => <span className="mono">{one.operation || '–'}</span> },
          { head: t.took, number: true, cell: (one) => t.milliseconds(number(one.seconds * 1000)) },
          { head: t.when, cell: (one) => <Time at={one.at} /> },
        ]} />
      )}
    </section>
  )
}

/** Migrations say which shape each part of the store has, and since when. */
export function Migrations({ schemas }: { schemas: NonNullable<Store['schemas']> }) {
  const t = text.system
  return (
    <section className="stack tight" aria-labelledby="system-migrations">
      <h2 id="system-migrations">{t.migrations}</h2>
      {schemas.map((s) => (
        <details key={s.part} className="card system-fold">
          <summary>
            {(t.parts as Record<string, string>)[s.part] ?? s.part}{' '}
            <Chip tone={s.current ? 'ok' : 'warn'}>{s.current ? t.current(s.version) : t.behind(s.version, s.newest)}</Chip>
          </summary>
          <Table label={t.migrationsOf((t.parts as Record<string, string>)[s.part] ?? s.part)} rows={s.migrations ?? []} rowKey={(m) => String(m.number)} columns={[
            { head: t.number, number: true, cell: (m) => m.number },
            { head: t.what, cell: (m) => m.title },
            { head: t.applied, cell: (m) => (m.appliedAt ? <Time at={m.appliedAt} full /> : '–') },
          ]} />
        </details>
      ))}
    </section>
  )
}
