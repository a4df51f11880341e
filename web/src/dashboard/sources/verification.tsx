import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../../api/client'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Form, Loading, Problem, Select, toast } from '../../ui'
import { ConfigFields, configOf, type Config } from './config'
import { useProviders, type Source, type SourceSettings } from './source'

/** Verification is how requests prove that they are the provider's. Nothing of it is shown again, so it is replaced as a whole. */
export function Verification({ source, now }: { source: Source; now: SourceSettings }) {
  const t = text.sources
  const { owns } = useViewer()
  const queries = useQueryClient()
  const providers = useProviders()
  const [isOpen, setOpen] = useState(false)
  const [type, setType] = useState(now.provider?.name ?? source.type)
  const [config, setConfig] = useState<Config>({})
  const provider = providers.data?.find((p) => p.name === type)
  const save = async () => {
    await client.PUT('/ingest/api/v1/source/{source_id}', { params: { path: { source_id: source.id } }, body: { name: source.name, uid: source.uid, metadata: source.metadata, type, config: configOf(config) } })
    toast(t.saved)
    setOpen(false)
    setConfig({})
    await queries.invalidateQueries({ queryKey: ['source', source.id] })
  }
  if (!now.provider) return null
  return (
    <section className="card stack">
      <h2>{t.verification}</h2>
      <dl className="facts">
        <dt>{t.provider}</dt><dd>{now.provider.title}</dd>
        <dt>{t.isSet}</dt><dd>{(now.configured ?? []).length ? now.configured!.map((c) => <code key={c} className="source-set">{c}</code>) : text.common.none}</dd>
      </dl>
      {now.verificationToken && <p>{t.verificationToken} <code>{now.verificationToken}</code></p>}
      {owns('source:write') && !isOpen && <div><Button icon="key" onPress={() => setOpen(true)}>{t.replaceVerification}</Button></div>}
      {isOpen && (providers.isPending ? <Loading /> : providers.error ? <Problem error={providers.error} onRetry={providers.refetch} /> : (
        <Form noValidate onSave={save} footer={(busy) => <div className="row"><Button look="primary" type="submit" busy={busy} disabled={!provider}>{t.replaceVerificationNow}</Button><Button onPress={() => setOpen(false)}>{text.common.cancel}</Button></div>}>
          {(errorAt) => (
            <>
              <div className="note warn">{t.replaceVerificationHelp}</div>
              <Select label={t.provider} value={type} onValue={(v) => { setType(v); setConfig({}) }} options={providers.data.map((p) => [p.name, p.title] as const)} error={errorAt('type')} />
              {provider && ConfigFields({ provider, config, onConfig: setConfig, errorAt })}
            </>
          )}
        </Form>
      ))}
    </section>
  )
}
