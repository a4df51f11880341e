import { useMemo, useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { sample } from '../../screens/eventtype/sample'
import { plain, problemOf, type EventType } from '../../screens/eventtype/type'
import { text } from '../../text/dashboard'
import { Button, CodeEditor, CopyButton, wordsOf } from '../../ui'

/** ExamplePane makes a payload from the newest schema and has the server compare it, or what was made of it. */
export function ExamplePane({ type }: { type: EventType }) {
  const t = text.eventTypes
  const newest = type.versions[0]
  const made = useMemo(() => JSON.stringify(newest ? sample(plain(newest.text)) : {}, null, 2), [newest])
  const [source, setSource] = useState(made)
  const [verdict, setVerdict] = useState<OwnShapes['EventTypeValidateOut'] | null>(null)
  const [problem, setProblem] = useState('')
  if (!newest) return <p className="muted">{t.noSchema}</p>
  const validate = async () => {
    setProblem('')
    setVerdict(null)
    const wrong = problemOf(source)
    if (wrong) return setProblem(t.notJSON(wrong))
    try {
      const { data } = await client.POST('/x/v1/event-type/{event_type_name}/validate', {
        params: { path: { event_type_name: type.shape.name } }, body: { payload: null }, bodySerializer: () => `{"payload":${source}}`, headers: { 'Content-Type': 'application/json' },
      })
      setVerdict(data!)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <div className="stack">
      <p className="muted">{t.exampleHelp(newest.version)}</p>
      <CodeEditor label={t.example} language="json" value={source} onValue={(v) => { setSource(v); setVerdict(null) }} lines={8} />
      <div className="row">
        <Button look="primary" icon="check" onPress={validate}>{t.validate}</Button>
        <Button icon="replay" onPress={() => { setSource(made); setVerdict(null) }}>{t.generate}</Button>
        <CopyButton value={source}>{text.common.copy}</CopyButton>
      </div>
      {problem && <div className="note bad" role="alert">{problem}</div>}
      {verdict && <div className={verdict.valid ? 'note ok' : 'note bad'} role="status">
        {verdict.valid ? t.follows(verdict.schemaVersion) : <>{t.followsNot(verdict.schemaVersion)}<ul>{(verdict.errors ?? []).map((e, i) => <li key={i}><code>{(e.loc ?? []).slice(2).join('.') || t.payload}</code> {e.msg}</li>)}</ul></>}
      </div>}
    </div>
  )
}
