import { text } from '../../text/dashboard'
import { Members } from '../account/members'
import { Frame } from './frame'

export const MembersPage = () => <Frame title={text.account.members}><Members /></Frame>
