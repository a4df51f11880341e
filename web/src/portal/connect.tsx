// P9: what a receiver needs to know: the secret, how to verify with it, and where requests come from.
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { client } from '../api/client'
import { useViewer } from '../api/viewer'
import { useCredentials } from '../screens/endpoint/data'
import { text } from '../text'
import { Button, Code, CopyButton, Empty, Listing, Page, Select, useGo, useSearch } from '../ui'
import { useEndpoints } from './data'
import { languages, names, snippet, type Language } from './snippets'

export function Connect() {
  const { appId, may } = useViewer()
  const list = useEndpoints(appId!)
  const go = useGo()
  const [search, set] = useSearch()
  const t = text.portal
  const chosen = list.rows.find((e) => e.id === search.endpoint) ?? list.rows[0]
  const action = may('ManageEndpoint') && <Button look="primary" icon="plus" onPress={() => go('/endpoints/new')}>{t.addEndpoint}</Button>
  return (
    <Page title={t.connect}>
      <p>{t.connectHelp}</p>
      <Listing list={list} whenEmpty={<Empty title={t.noEndpoint} action={action}>{t.connectNeedsEndpoint}</Empty>}>
        {chosen && (
          <div className="stack">
            {list.rows.length > 1 && <div className="portal-form"><Select label={t.endpoint} options={list.rows.map((e) => [e.id, e.url] as const)} value={chosen.id} onValue={(endpoint) => set({ endpoint })} /></div>}
            <Verify key={chosen.id} endpointId={chosen.id} />
            <Source endpointId={chosen.id} />
          </div>
        )}
      </Listing>
    </Page>
  )
}

const placeholder = 'whsec_...'

function Verify({ endpointId }: { endpointId: string }) {
  const { appId, may } = useViewer()
  const [search, set] = useSearch()
  const queries = useQueryClient()
  const key = ['endpoint-secret', appId, endpointId]
  // It is asked for when somebody wants to see it, and forgotten when the page is left.
  const secret = useQuery({ queryKey: key, enabled: false, gcTime: 0, queryFn: async () => (await client.GET('/api/v1/app/{app_id}/endpoint/{endpoint_id}/secret', { params: { path: { app_id: appId!, endpoint_id: endpointId } } })).data!.key })
  const language = languages.find((l) => l === search.language) ?? 'javascript'
  const t = text.portal
  const reveal = async () => {
    const { error } = await secret.refetch()
    if (error) throw error
  }
  const isAsymmetric = secret.data?.startsWith('whsk_') || secret.data?.startsWith('whpk_')
  return (
    <section className="card stack">
      <h2>{t.verifyTitle}</h2>
      <p>{t.verifyHelp}</p>
      {may('ViewEndpointSecret') ? (
        <div className="row">
          <span>{t.secret}</span>
          <code className="break">{secret.data ?? t.secretHidden}</code>
          {secret.data
            ? <><CopyButton value={secret.data} label={t.copySecret} /><Button look="quiet" onPress={() => queries.resetQueries({ queryKey: key, exact: true })}>{t.hideSecret}</Button></>
            : <Button icon="key" onPress={reveal}>{t.revealSecret}</Button>}
        </div>
      ) : <p className="note">{t.secretNotYours}</p>}
      {isAsymmetric ? <p className="note">{t.asymmetric}</p> : (
        <>
          <div className="portal-form"><Select label={t.language} options={languages.map((l) => [l, names[l]] as const)} value={language} onValue={(l) => set({ language: l as Language })} /></div>
          <Code label={t.snippet(names[language])} value={snippet(language, secret.data ?? placeholder)} />
        </>
      )}
      <dl className="facts">
        {(['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const).map((h) => <div key={h} className="facts-pair"><dt><code>{h}</code></dt><dd>{t.headers[h]}</dd></div>)}
      </dl>
      <p className="muted">{t.answerHelp}</p>
    </section>
  )
}

// Source says from which address requests leave, where one is set; who sends from whichever the system takes promises none.
function Source({ endpointId }: { endpointId: string }) {
  const appId = useViewer().appId!
  const credentials = useCredentials({ app_id: appId, endpoint_id: endpointId })
  const t = text.portal
  const address = credentials.data?.sourceAddress
  if (!credentials.data) return null
  return (
    <section className="card stack tight">
      <h2>{t.addressTitle}</h2>
      {address ? <p>{t.addressIs} <code>{address}</code> <CopyButton value={address} /></p> : <p className="muted">{t.addressUnknown}</p>}
    </section>
  )
}
