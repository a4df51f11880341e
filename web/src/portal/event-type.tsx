// P6: one event type: what it means, what it carries, and an example on its way to one's own endpoint.
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { parse, stringify } from 'lossless-json'
import { client, type Shapes } from '../api/client'
import { useViewer } from '../api/viewer'
import { sampleOf } from '../screens/endpoint/sample'
import { Changes } from '../screens/eventtype/changes'
import { compare } from '../screens/eventtype/compare'
import { plain } from '../screens/eventtype/type'
import { text } from '../text'
import { Chip, Empty, JsonView, legible, Link, Loading, Page, Problem, Time, useSearch } from '../ui'
import { useEndpoints } from './data'
import { fieldsOf, type Field } from './schema'
import { TryEndpoint } from './try-endpoint'

type Schemas = Record<string, Record<string, unknown>>

export function EventType() {
  const { name = '' } = useParams({ strict: false }) as { name?: string }
  // As text: the numbers of a schema and of its examples are shown as they were written.
  const type = useQuery({
    queryKey: ['event-type', name],
    queryFn: async () => {
      const { data } = await client.GET('/api/v1/event-type/{event_type_name}', { params: { path: { event_type_name: name } }, parseAs: 'text' })
      return parse(data as unknown as string) as Omit<Shapes['EventTypeOut'], 'schemas'> & { schemas: Schemas | null }
    },
  })
  const t = text.portal
  const crumbs = [{ to: '/event-types', words: t.eventTypes }]
  if (type.isPending) return <Page title={legible(name)} crumbs={crumbs}><Loading /></Page>
  if (type.error) return <Page title={legible(name)} crumbs={crumbs}><Problem error={type.error} onRetry={type.refetch} /></Page>
  const e = type.data
  return (
    <Page title={legible(name)} heading={<bdi>{legible(name)}</bdi>} crumbs={crumbs}>
      <div className="row">
        {e.deprecated && <Chip tone="warn">{t.deprecated}</Chip>}
        <span className="break">{legible(e.description)}</span>
        <span className="muted">{t.changedLast} <Time at={e.updatedAt} /></span>
      </div>
      {e.schemas && Object.keys(e.schemas).length > 0 ? <Versions schemas={e.schemas} /> : <Empty title={t.noSchema}>{t.noSchemaHelp}</Empty>}
      <Send name={name} hasSchema={Boolean(e.schemas && Object.keys(e.schemas).length > 0)} />
    </Page>
  )
}

function Versions({ schemas }: { schemas: Schemas }) {
  const [search] = useSearch()
  const t = text.portal
  const versions = Object.keys(schemas).sort((a, b) => Number(b) - Number(a))
  const version = search.version && Object.hasOwn(schemas, search.version) ? search.version : versions[0]!
  const before = versions[versions.indexOf(version) + 1]
  const schema = schemas[version]!
  const [first] = Array.isArray(schema.examples) ? (schema.examples as unknown[]) : []
  const changes = before === undefined ? undefined : compare(plain(stringify(schemas[before])!), plain(stringify(schema)!))
  return (
    <>
      {versions.length > 1 && (
        <nav className="tabs" aria-label={t.versions}>
          {versions.map((v) => <Link key={v} className="tab" to={v === versions[0] ? '.' : `.?version=${encodeURIComponent(v)}`} aria-current={v === version ? 'page' : undefined}>{t.version(v)}</Link>)}
        </nav>
      )}
      {changes && (
        <section className="card">
          <h2>{t.changedSince(before!)}</h2>
          <Changes changes={changes} label={t.changedSince(before!)} />
        </section>
      )}
      <section className="stack tight">
        <h2>{t.fields}</h2>
        <Fields list={fieldsOf(schema)} />
      </section>
      <section className="stack tight">
        <h2>{t.example}</h2>
        <JsonView label={t.example} source={stringify(first ?? sampleOf(schema, schema, 0), undefined, 2) ?? 'null'} />
      </section>
      <details className="card">
        <summary>{t.schema}</summary>
        <JsonView label={t.schema} source={stringify(schema, undefined, 2)!} />
      </details>
    </>
  )
}

function Fields({ list }: { list: Field[] }) {
  const t = text.portal
  if (list.length === 0) return <p className="muted">{t.noFields}</p>
  return (
    <div className="table-wrap" role="region" aria-label={t.fields} tabIndex={0}>
      <table className="table">
        <thead><tr><th scope="col">{t.field}</th><th scope="col">{t.fieldKind}</th><th scope="col">{t.fieldMeaning}</th></tr></thead>
        <tbody>
          {list.map((f) => (
            <tr key={f.path}>
              <th scope="row"><code className="break">{legible(f.path)}</code></th>
              <td>{legible(f.kind)}{f.required && <> <Chip tone="idle" icon="dot">{t.always}</Chip></>}</td>
              <td className="break">{legible(f.description)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Send({ name, hasSchema }: { name: string; hasSchema: boolean }) {
  const { appId, may } = useViewer()
  const endpoints = useEndpoints(appId!)
  const t = text.portal
  const able = endpoints.rows.filter((e) => !e.disabled)
  if (!may('CreateAttempts') || !hasSchema || endpoints.pending) return null
  return (
    <section className="card stack tight">
      <h2>{t.sendToMine}</h2>
      {able.length === 0 ? <p className="muted">{t.noEndpointToTry}</p> : <><p>{t.sendToMineHelp}</p><TryEndpoint endpoints={able} eventTypes={[name]} /></>}
    </section>
  )
}
