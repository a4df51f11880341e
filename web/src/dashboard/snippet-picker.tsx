import { useState } from 'react'
import { text } from '../text/dashboard'
import { Code, Select } from '../ui'
import type { Snippet } from './snippets'

/** SnippetPicker shows one of several pieces of code that do the same. */
export function SnippetPicker({ label, list }: { label: string; list: Snippet[] }) {
  const [id, setId] = useState(list[0]!.id)
  const chosen = list.find((s) => s.id === id) ?? list[0]!
  return (
    <div className="stack tight">
      <div style={{ maxInlineSize: '14rem' }}>
        <Select label={text.applications.language} options={list.map((s) => [s.id, s.words] as const)} value={chosen.id} onValue={setId} />
      </div>
      <Code label={label} value={chosen.code} />
    </div>
  )
}
