import { useMemo, useState } from 'react'
import { Changes } from '../../screens/eventtype/changes'
import { compare } from '../../screens/eventtype/compare'
import { plain, problemOf, saveSchemas, type EventType } from '../../screens/eventtype/type'
import { text } from '../../text/dashboard'
import { Button, CodeEditor, Confirm, Select, toast, Unsaved, useSearch, wordsOf } from '../../ui'

const blank = '{\n  "$schema": "http://json-schema.org/draft-07/schema#",\n  "type": "object",\n  "properties": {},\n  "required": []\n}'

/** SchemaPane edits the versions of a schema. What is written is compared with the version before while it is written. */
export function SchemaPane({ type, onChange, writes }: { type: EventType; onChange: () => Promise<void>; writes: boolean }) {
  const t = text.eventTypes
  const [search, setSearch] = useSearch()
  const { versions, shape } = type
  const next = String(Math.max(0, ...versions.map((v) => Number(v.version) || 0)) + 1)
  const fresh = search.version === next || versions.length === 0
  const at = fresh ? -1 : Math.max(0, versions.findIndex((v) => v.version === search.version))
  const shown = fresh ? { version: next, text: versions[0]?.text ?? blank } : versions[at]!
  const before = versions[at + 1]
  const [draft, setDraft] = useState<{ version: string; text: string }>()
  const source = draft?.version === shown.version ? draft.text : shown.text
  const wrong = problemOf(source)
  const changes = useMemo(() => (before && !wrong ? compare(plain(before.text), plain(source)) : null), [before, source, wrong])
  const [problem, setProblem] = useState('')
  const [removing, setRemoving] = useState(false)
  const save = async () => {
    setProblem('')
    try {
      await saveSchemas(shape.name, [{ version: shown.version, text: source }, ...versions.filter((v) => v.version !== shown.version)])
      toast(t.saved)
      await onChange()
      // What was typed while it was saved stays.
      setDraft((d) => (d?.text === source ? undefined : d))
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  const remove = async () => {
    await saveSchemas(shape.name, versions.filter((v) => v.version !== shown.version))
    setDraft(undefined)
    setSearch({ version: '' })
    await onChange()
  }
  return (
    <div className="stack">
      <div className="row" style={{ alignItems: 'end' }}>
        <Select label={t.version} value={shown.version} onValue={(version) => setSearch({ version })}
          options={[...(fresh ? [[next, t.newVersion(next)] as const] : []), ...versions.map((v) => [v.version, v.version] as const)]} />
        {writes && !fresh && <Button icon="plus" onPress={() => setSearch({ version: next })}>{t.addVersion}</Button>}
        {writes && !fresh && <Button onPress={() => setRemoving(true)}>{t.removeVersion}</Button>}
      </div>
      <p className="muted">{t.schemaHelp}</p>
      <CodeEditor label={t.schema} language="json" value={source} onValue={(v) => setDraft({ version: shown.version, text: v })} readOnly={!writes} lines={12} />
      {wrong && <div className="note bad" role="alert">{t.notJSON(wrong)}</div>}
      {problem && <div className="note bad" role="alert">{problem}</div>}
      {writes && <div className="row"><Button look="primary" disabled={Boolean(wrong) || (!fresh && source === shown.text)} onPress={save}>{t.saveVersion(shown.version)}</Button><Unsaved draft={{ isChanged: source !== shown.text }} /></div>}
      {changes && <section className="stack tight"><h2>{t.changesSince(before!.version)}</h2><Changes changes={changes} label={t.changesSince(before!.version)} /></section>}
      <Confirm open={removing} onClose={() => setRemoving(false)} danger title={t.removeTitle(shown.version)} action={t.removeVersion} onConfirm={remove}><p>{t.removeHelp}</p></Confirm>
    </div>
  )
}
