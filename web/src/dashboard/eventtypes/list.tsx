// O10: the catalogue.
import { useState } from 'react'
import { client } from '../../api/client'
import { useList } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { groupTypes, TypeTree } from '../../screens/eventtype/type-tree'
import '../../screens/eventtype/eventtype.css'
import { text } from '../../text/dashboard'
import { Button, Dialog, download, Empty, Input, Listing, Menu, Page, Switch, useGo, useSearch, wordsOf } from '../../ui'
import { ImportDialog } from './import'

export function EventTypes() {
  const t = text.eventTypes
  const { owns } = useViewer()
  const [search, setSearch] = useSearch()
  const [importing, setImporting] = useState(false)
  const archived = search.archived === 'true'
  const list = useList(['event-types', archived], (iterator) => client.GET('/api/v1/event-type', { params: { query: { limit: 250, include_archived: archived, iterator } } }))
  const wanted = (search.q ?? '').toLowerCase()
  const shown = list.rows.filter((e) => e.name.toLowerCase().includes(wanted) || e.description.toLowerCase().includes(wanted))
  const save = async (format: 'openapi' | 'asyncapi' | 'jsonschema') => {
    const { data } = await client.GET('/x/v1/event-type/export', { params: { query: { format } }, parseAs: 'text' })
    download(`event-types.${format}.json`, data!)
  }
  const writes = owns('event-type:write')
  return (
    <Page title={t.title} actions={<>
      {writes && <Button look="primary" icon="plus" onPress={() => setSearch({ new: 'true' })}>{t.add}</Button>}
      {writes && <Button onPress={() => setImporting(true)}>{t.import}</Button>}
      <Menu words={t.export} entries={[
        { words: t.formats.openapi, icon: 'download', onPress: () => save('openapi') },
        { words: t.formats.asyncapi, icon: 'download', onPress: () => save('asyncapi') },
        { words: t.formats.jsonschema, icon: 'download', onPress: () => save('jsonschema') },
      ]} />
    </>}>
      <div className="row">
        <Input label={t.find} type="search" value={search.q ?? ''} onValue={(q) => setSearch({ q })} />
        <Switch label={t.showArchived} checked={archived} onValue={(v) => setSearch({ archived: v ? 'true' : '' })} />
      </div>
      <Listing list={list} whenEmpty={<Empty title={t.empty}>{t.emptyHelp}</Empty>}>
        <div className="card">
          <TypeTree group={groupTypes(shown)} />
          {shown.length === 0 && <p className="muted">{t.noMatch}</p>}
          {list.more && <Button onPress={list.more}>{text.common.loadMore}</Button>}
        </div>
      </Listing>
      {search.new === 'true' && <Create onClose={() => setSearch({ new: '' })} />}
      {importing && <ImportDialog onClose={() => { setImporting(false); void list.retry() }} />}
    </Page>
  )
}

function Create({ onClose }: { onClose: () => void }) {
  const t = text.eventTypes
  const { to } = useViewer()
  const go = useGo()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const [problem, setProblem] = useState('')
  const create = async () => {
    try {
      await client.POST('/api/v1/event-type', { body: { name: name.trim(), description } })
      go(to.eventType(name.trim()))
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <Dialog open onClose={onClose} title={t.add} footer={<><Button onPress={onClose}>{text.common.cancel}</Button><Button look="primary" onPress={create}>{t.create}</Button></>}>
      <Input label={t.name} help={t.nameHelp} error={problem} value={name} onValue={setName} autoComplete="off" spellCheck={false} />
      <Input label={t.description} value={description} onValue={setDescription} />
    </Dialog>
  )
}
