import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type OwnShapes, type Shapes } from '../../api/client'
import { text } from '../../text/dashboard'
import { Button, Code, CodeEditor, Dialog, Input, Select, Switch, toast, wordsOf } from '../../ui'
import { acceptedOf } from './source'

const filterBegin = '{\n  "payload": {}\n}'
const codeBegin = 'function handler(webhook) {\n  return webhook\n}\n'
const json = { 'Content-Type': 'application/json' }

/** RouteBuilder makes a route: what it wants, what it changes and where it goes. Each step is tried on a request that came. */
export function RouteBuilder({ source, app, onClose }: { source: string; app: string; onClose: () => void }) {
  const t = text.sources
  const [url, setUrl] = useState('')
  const [filter, setFilter] = useState<string | null>(null)
  const [code, setCode] = useState<string | null>(null)
  const [problem, setProblem] = useState('')
  const stored = useQuery({ queryKey: ['source', source, 'stored'], queryFn: () => acceptedOf(app, 20) })
  const [picked, setPicked] = useState('')
  const message = stored.data?.find((m) => m.id === picked) ?? stored.data?.[0]
  const create = async () => {
    setProblem('')
    const path = { source_id: source }
    try {
      // It begins disabled: nothing may go to the target before its filter is there.
      const { data } = await client.POST('/ingest/api/v1/source/{source_id}/endpoint', { params: { path }, body: { url: url.trim(), disabled: true } })
      const at = { ...path, endpoint_id: data!.id }
      try {
        if (filter !== null) await client.PUT('/x/v1/source/{source_id}/endpoint/{endpoint_id}/filter', { params: { path: at }, body: { filter: null }, bodySerializer: () => `{"filter":${filter}}`, headers: json })
        if (code !== null) await client.PATCH('/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}/transformation', { params: { path: at }, body: { code, enabled: true } })
        await client.PUT('/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}', { params: { path: at }, body: { url: url.trim(), disabled: false } })
      } catch (e) {
        await client.DELETE('/ingest/api/v1/source/{source_id}/endpoint/{endpoint_id}', { params: { path: at } })
        throw e
      }
      toast(t.routeMade)
      onClose()
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <Dialog open wide onClose={onClose} title={t.addRoute} footer={<><Button onPress={onClose}>{text.common.cancel}</Button><Button look="primary" onPress={create}>{t.createRoute}</Button></>}>
      <Input label={t.target} help={t.targetHelp} type="url" value={url} onValue={setUrl} autoComplete="off" />
      {stored.data && stored.data.length > 0 && message
        ? <Select label={t.tryOn} value={message.id} onValue={setPicked} options={stored.data.map((m) => [m.id, `${m.type} · ${m.id}`] as const)} />
        : stored.data && <p className="muted">{t.nothingToTry}</p>}
      <Switch label={t.useFilter} help={t.filterHelp} checked={filter !== null} onValue={(on) => setFilter(on ? filterBegin : null)} />
      {filter !== null && <>
        <CodeEditor label={t.filter} language="json" value={filter} onValue={setFilter} lines={4} />
        {message && <TryFilter filter={filter} app={app} message={message.id} />}
      </>}
      <Switch label={t.useCode} help={t.codeHelp} checked={code !== null} onValue={(on) => setCode(on ? codeBegin : null)} />
      {code !== null && <>
        <CodeEditor label={t.transformation} language="javascript" value={code} onValue={setCode} lines={5} />
        {message && <TryCode code={code} type={message.type} payload={message.payload} />}
      </>}
      {problem && <div className="note bad" role="alert">{problem}</div>}
    </Dialog>
  )
}

function TryFilter({ filter, app, message }: { filter: string; app: string; message: string }) {
  const t = text.sources
  const [said, setSaid] = useState<OwnShapes['FilterTestOut'] | null>(null)
  const [problem, setProblem] = useState('')
  const run = async () => {
    setSaid(null)
    setProblem('')
    try {
      setSaid((await client.POST('/x/v1/filter/test', { body: { filter: null }, bodySerializer: () => `{"filter":${filter},"appId":${JSON.stringify(app)},"msgId":${JSON.stringify(message)}}`, headers: json })).data!)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <div className="stack tight">
      <div><Button icon="play" onPress={run}>{t.tryFilter}</Button></div>
      {said && <div className={said.matches ? 'note ok' : 'note warn'} role="status">{said.matches ? t.matches : t.skipped(said.why)}</div>}
      {problem && <div className="note bad" role="alert">{problem}</div>}
    </div>
  )
}

function TryCode({ code, type, payload }: { code: string; type: string; payload: string }) {
  const t = text.sources
  const [made, setMade] = useState<Shapes['TransformationSimulateOut'] | null>(null)
  const [problem, setProblem] = useState('')
  const run = async () => {
    setMade(null)
    setProblem('')
    try {
      setMade((await client.POST('/api/v1/connector/simulate', { body: { code, eventType: type, payload: null }, bodySerializer: () => `{"code":${JSON.stringify(code)},"eventType":${JSON.stringify(type)},"payload":${payload}}`, headers: json })).data!)
    } catch (e) {
      setProblem(wordsOf(e))
    }
  }
  return (
    <div className="stack tight">
      <div><Button icon="play" onPress={run}>{t.tryCode}</Button></div>
      {made && <div role="status">{made.cancel ? <div className="note warn">{t.cancelled}</div> : <><h3>{t.wouldSend}</h3><Code label={t.wouldSend} value={made.payload} /></>}</div>}
      {made?.console && made.console.length > 0 && <Code label={t.console} value={made.console.join('\n')} />}
      {problem && <div className="note bad" role="alert">{problem}</div>}
    </div>
  )
}
