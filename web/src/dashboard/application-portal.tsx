// How a customer gets to the portal of an application, and how it looks to them.
import { useState } from 'react'
import { baseURL, client, type Shapes } from '../api/client'
import { text } from '../text/dashboard'
import { Button, CopyButton, Switch } from '../ui'
import { portalSnippets } from './snippets'
import { SnippetPicker } from './snippet-picker'

const looking = ['ViewBase']
const everything = ['ViewBase', 'ViewEndpointSecret', 'ManageEndpointSecret', 'ManageTransformations', 'CreateAttempts', 'ManageEndpoint']

export function ApplicationPortal({ app }: { app: Shapes['ApplicationOut'] }) {
  const [readOnly, setReadOnly] = useState(true)
  const [link, setLink] = useState('')
  const t = text.applications
  const capabilities = readOnly ? looking : everything
  const open = async () => {
    const { data } = await client.POST('/api/v1/auth/app-portal-access/{app_id}', { params: { path: { app_id: app.id } }, body: { capabilities, expiry: 3600 } })
    setLink(data!.url)
    // Without an opener the new tab does not get this one's session, which is an operator's.
    window.open(data!.url, '_blank', 'noopener')
  }
  return (
    <div className="stack">
      <section className="card stack">
        <h2>{t.preview}</h2>
        <p className="muted">{t.previewHelp}</p>
        <Switch label={t.readOnly} help={readOnly ? t.readOnlyHelp : t.fullAccessHelp} checked={readOnly} onValue={(on) => { setReadOnly(on); setLink('') }} />
        <div className="row"><Button look="primary" icon="external" onPress={open}>{t.previewAs}</Button></div>
        {link && <p className="row" role="status">{t.opened}<a href={link} target="_blank" rel="noopener noreferrer">{t.openAgain}</a><CopyButton value={link}>{t.copyLink}</CopyButton></p>}
      </section>
      <section className="card stack">
        <h2>{t.inYourProduct}</h2>
        <p className="muted">{t.inYourProductHelp}</p>
        <SnippetPicker label={t.inYourProduct} list={portalSnippets(baseURL, app.uid ?? app.id, capabilities)} />
      </section>
    </div>
  )
}
