import { useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { typeKey, useEventType } from '../../screens/eventtype/type'
import '../../screens/eventtype/eventtype.css'
import { text } from '../../text/dashboard'
import { Button, Chip, Loading, Page, Problem, Tabs } from '../../ui'
import { ExamplePane } from './example'
import { SchemaPane } from './schema'
import { SettingsPane } from './settings'
import { UsagePane } from './usage'

export function EventTypePage() {
  const t = text.eventTypes
  const { name = '' } = useParams({ strict: false })
  const { owns } = useViewer()
  const type = useEventType(name)
  const queries = useQueryClient()
  const crumbs = [{ to: '/event-types', words: t.title }]
  if (type.isPending) return <Page title={name} crumbs={crumbs}><Loading /></Page>
  if (type.error || !type.data) return <Page title={name} crumbs={crumbs}><Problem error={type.error} onRetry={type.refetch} /></Page>
  const { shape } = type.data
  const changed = async () => {
    await queries.invalidateQueries({ queryKey: typeKey(name) })
    void queries.invalidateQueries({ queryKey: ['list', 'event-types'] })
  }
  const archive = async () => {
    await client.PATCH('/api/v1/event-type/{event_type_name}', { params: { path: { event_type_name: name } }, body: { archived: !shape.archived } })
    await changed()
  }
  const writes = owns('event-type:write')
  return (
    <Page title={name} crumbs={crumbs} actions={<>
      {shape.archived && <Chip tone="idle">{t.archived}</Chip>}
      {shape.deprecated && <Chip tone="warn">{t.deprecated}</Chip>}
      {shape.featureFlag && <Chip tone="accent">{shape.featureFlag}</Chip>}
      {writes && <Button onPress={archive}>{shape.archived ? t.bringBack : t.archive}</Button>}
    </>}>
      {shape.description && <p className="muted">{shape.description}</p>}
      <Tabs label={name} tabs={[
        { id: 'schema', words: t.schema, content: () => <SchemaPane key={name} type={type.data} onChange={changed} writes={writes} /> },
        { id: 'example', words: t.example, content: () => <ExamplePane type={type.data} /> },
        { id: 'settings', words: t.settings, content: () => <SettingsPane type={shape} onChange={changed} writes={writes} /> },
        { id: 'usage', words: t.usage, content: () => <UsagePane name={name} /> },
      ]} />
    </Page>
  )
}
