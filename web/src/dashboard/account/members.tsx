// Who may sign in to the environment. Owners invite, change and remove; all others look.
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, type OwnShapes } from '../../api/client'
import { useList } from '../../api/list'
import { useViewer } from '../../api/viewer'
import { text } from '../../text/dashboard'
import { Button, Chip, Confirm, Empty, Listing, Menu, Table, Time, toast } from '../../ui'
import { Frame } from '../settings/frame'
import { Invite, LinkDialog, RoleSelect } from './invite'

export type User = OwnShapes['UserOut']

/** MembersPage is the screen; Members its content, for the settings. */
export function MembersPage() {
  return <Frame title={text.account.members}><Members /></Frame>
}

export function Members() {
  const { who, owns } = useViewer()
  const t = text.account
  // Only people do it, and of those who may.
  const manages = who.user !== null && owns('user:write')
  const [inviting, setInviting] = useState(false)
  const list = useList(['users'], (iterator) => client.GET('/x/v1/user', { params: { query: { limit: 50, iterator } } }))
  return (
    <div className="stack">
      <p className="muted">{t.membersHelp}</p>
      {manages ? <div><Button look="primary" icon="plus" onPress={() => setInviting(true)}>{t.invite}</Button></div> : <p className="note">{who.user ? t.ownersOnly : t.peopleOnly}</p>}
      <Listing list={list} whenEmpty={<Empty title={t.noMember}>{t.noMemberHelp}</Empty>}>
        <Table label={t.members} rows={list.rows} rowKey={(u) => u.id} onMore={list.more} columns={[
          { head: t.email, cell: (u) => <span className="row">{u.email}{u.id === who.user?.id && <Chip tone="accent">{t.you}</Chip>}{!u.hasPassword && <Chip tone="warn">{u.seenAt ? t.noPassword : t.invited}</Chip>}</span> },
          { head: t.name, cell: (u) => u.name ?? '' },
          { head: t.role, cell: (u) => t.roles[u.role as keyof typeof t.roles] ?? u.role },
          { head: t.lastSeen, cell: (u) => (u.seenAt ? <Time at={u.seenAt} /> : t.never) },
          ...(manages ? [{ head: t.action, cell: (u: User) => <Actions user={u} /> }] : []),
        ]} />
      </Listing>
      {inviting && <Invite onClose={() => setInviting(false)} />}
    </div>
  )
}

function Actions({ user }: { user: User }) {
  const t = text.account
  const queries = useQueryClient()
  const [open, setOpen] = useState<'' | 'role' | 'remove'>('')
  const [role, setRole] = useState(user.role)
  const [url, setURL] = useState('')
  const path = { params: { path: { user_id: user.id } } }
  const again = () => queries.invalidateQueries({ queryKey: ['list', 'users'] })
  const close = () => setOpen('')
  return (
    <>
      <Menu label={t.actionsFor(user.email)} entries={[
        { words: t.changeRole, icon: 'key', onPress: () => setOpen('role') },
        { words: user.hasPassword ? t.reset : t.newLink, icon: 'replay', onPress: async () => setURL((await client.POST('/x/v1/user/{user_id}/reset', path)).data?.url ?? '') },
        { words: t.removeUser, danger: true, onPress: () => setOpen('remove') },
      ]} />
      <Confirm open={open === 'role'} onClose={close} title={t.roleOf(user.email)} action={t.changeRole} onConfirm={async () => {
        await client.PATCH('/x/v1/user/{user_id}', { ...path, body: { role } })
        await again()
        toast(t.roleChanged)
      }}>
        <div className="stack tight"><RoleSelect value={role} onValue={setRole} /><p className="muted">{t.signsOut}</p></div>
      </Confirm>
      <Confirm open={open === 'remove'} onClose={close} title={t.removeOf(user.email)} action={t.removeUser} danger onConfirm={async () => {
        await client.DELETE('/x/v1/user/{user_id}', path)
        await again()
        toast(t.removed)
      }}><p>{t.removeHelp}</p></Confirm>
      {url && <LinkDialog email={user.email} url={url} onClose={() => setURL('')} />}
    </>
  )
}
