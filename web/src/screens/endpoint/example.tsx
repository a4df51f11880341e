import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { client, type Shapes } from '../../api/client'
import { text } from '../../text'
import { Button, CodeEditor, Dialog, Select, wordsOf } from '../../ui'
import { useChanged, type Endpoint, type Place } from './data'
import { exampleOf } from './sample'
import { Sent } from './sent'

const ping = 'hookloft.ping'

/** SendExample sends a payload to the endpoint once, and says what it answered. It begins with an example of the first event
    type that the endpoint wants. */
export function SendExample({ place, endpoint, open, onClose }: { place: Place; endpoint: Endpoint; open: boolean; onClose: () => void }) {
  const t = text.endpoint
  return <Dialog open={open} onClose={onClose} title={t.sendExample} wide><Example place={place} wanted={endpoint.eventTypes?.[0]} onClose={onClose} /></Dialog>
}

function Example({ place, wanted, onClose }: { place: Place; wanted: string | undefined; onClose: () => void }) {
  const t = text.endpoint
  const types = useQuery({ queryKey: ['event-types', 'first'], staleTime: 60_000, queryFn: async () => (await client.GET('/api/v1/event-type', { params: { query: { limit: 250 } } })).data!.data })
  const names = [...new Set([...(wanted ? [wanted] : []), ...(types.data?.map((e) => e.name) ?? []), ping])]
  const [chosen, setChosen] = useState('')
  const name = chosen || (types.isPending && !wanted ? '' : names[0]!)
  const example = useQuery({
    queryKey: ['event-type', 'example', name],
    enabled: name !== '' && name !== ping,
    retry: false,
    // As text: its numbers are what somebody wrote, not what JavaScript can hold.
    queryFn: async () => exampleOf((await client.GET('/api/v1/event-type/{event_type_name}', { params: { path: { event_type_name: name } }, parseAs: 'text' })).data as unknown as string) ?? '',
  })
  const [payload, setPayload] = useState<string | null>(null)
  useEffect(() => setPayload(null), [name])
  const offered = name === ping ? '{\n  "success": true\n}' : example.data || (example.isPending ? '' : '{\n  \n}')
  const value = payload ?? offered
  const changed = useChanged(place)
  const [sent, setSent] = useState<Shapes['MessageAttemptOut'] | null>(null)
  const [problem, setProblem] = useState('')
  const send = async () => {
    setProblem('')
    setSent(null)
    try {
      // The payload goes out as it stands here, so the body is written and not made of parsed values.
      const body = `{"eventType": ${JSON.stringify(name)}, "payload": ${value}}`
      JSON.parse(body)
      const { data } = await client.POST('/api/v1/app/{app_id}/endpoint/{endpoint_id}/msg/test-attempt', { params: { path: place }, body: {} as Shapes['MessageIn'], bodySerializer: () => body })
      setSent(data!)
      void changed()
    } catch (e) {
      setProblem(e instanceof SyntaxError ? t.notJson(e.message) : wordsOf(e))
    }
  }
  return (
    <>
      <Select label={t.eventType} options={names.map((n) => [n, n] as const)} value={name} onValue={setChosen} />
      <div className="field">
        <span className="label">{t.payload}</span>
        <CodeEditor label={t.payload} language="json" lines={8} value={value} onValue={setPayload} />
      </div>
      <p className="muted">{t.sendExampleHelp}</p>
      {problem && <div className="note bad" role="alert">{problem}</div>}
      {sent && <Sent place={place} attempt={sent} />}
      <footer>
        <Button onPress={onClose}>{text.common.close}</Button>
        <Button look="primary" icon="send" disabled={value === ''} onPress={send}>{t.send}</Button>
      </footer>
    </>
  )
}
