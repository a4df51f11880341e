import { useState } from 'react'
import { text } from '../../text/dashboard'
import { Confirm, Input, TextArea } from '../../ui'
import type { Issue, IssueChange } from './issues'

export function AssignDialog({ issue, onClose, onSave }: { issue: Issue; onClose: () => void; onSave: (body: IssueChange) => Promise<unknown> }) {
  const t = text.issues
  const [assignee, setAssignee] = useState(issue.assignee ?? '')
  const [note, setNote] = useState(issue.note ?? '')
  return (
    <Confirm open onClose={onClose} title={t.assign} action={text.common.save} onConfirm={() => onSave({ assignee: assignee || null, note: note || null })}>
      <Input label={t.assignee} help={t.assigneeHelp} value={assignee} onValue={setAssignee} maxLength={100} />
      <TextArea label={t.note} rows={4} value={note} onValue={setNote} maxLength={2000} />
    </Confirm>
  )
}
