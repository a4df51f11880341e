import { useParams } from '@tanstack/react-router'
import { useViewer } from '../../../api/viewer'
import { text } from '../../../text'
import { Page } from '../../../ui'
import { MessageLog } from './log'

/** MessageLogPage is the log as a page of its own: of the portal's application, or of the one in the address. */
export function MessageLogPage() {
  const params = useParams({ strict: false }) as { appId?: string }
  const appId = useViewer().appId ?? params.appId ?? ''
  return <Page title={text.messages.title}><MessageLog key={appId} appId={appId} /></Page>
}
