// What a type's payload looks like, for who only reads it: the portal's catalogue and the dashboard show the same.
import { useMemo } from 'react'
import { text } from '../../text'
import { CodeEditor, Select, useSearch } from '../../ui'
import { Changes } from './changes'
import { compare } from './compare'
import { sample } from './sample'
import { plain, type EventType } from './type'

/** SchemaView shows one version (?version=, the newest by default), an example of it, and what changed against the one before. */
export function SchemaView({ type }: { type: EventType }) {
  const t = text.eventTypes
  const [search, setSearch] = useSearch()
  const at = Math.max(0, type.versions.findIndex((v) => v.version === search.version))
  const shown = type.versions[at], before = type.versions[at + 1]
  const changes = useMemo(() => (shown && before ? compare(plain(before.text), plain(shown.text)) : null), [shown, before])
  const example = useMemo(() => (shown ? JSON.stringify(sample(plain(shown.text)), null, 2) : ''), [shown])
  if (!shown) return <p className="muted">{t.noSchema}</p>
  return (
    <div className="stack">
      {type.versions.length > 1 && <Select label={t.version} value={shown.version} onValue={(v) => setSearch({ version: v })} options={type.versions.map((v) => [v.version, v.version])} />}
      <section className="stack tight"><h2>{t.example}</h2><CodeEditor label={t.example} language="json" readOnly value={example} lines={3} /></section>
      <section className="stack tight"><h2>{t.schema}</h2><CodeEditor label={t.schema} language="json" readOnly value={shown.text} lines={3} /></section>
      {changes && <section className="stack tight"><h2>{t.changesSince(before!.version)}</h2><Changes changes={changes} label={t.changesSince(before!.version)} /></section>}
    </div>
  )
}
