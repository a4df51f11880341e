import { useMemo, useState } from 'react'
import { text } from '../text'
import { Button, CopyButton } from './button'
import { JsonTree } from './json/tree'
import { parseJson } from './json/parse'
import { LongText } from './json/long-text'
import './json/json.css'

/** largestTree is the longest text that is shown as a tree. */
const largestTree = 256 * 1024

/** JsonView shows JSON from its source text: every digit as it came. What is no JSON, or very long, is shown as text. */
export function JsonView({ source, label }: { source: string; label: string }) {
  const root = useMemo(() => (source.length > largestTree ? undefined : parseJson(source)), [source])
  const [asText, setAsText] = useState(false)
  const tools = (
    <>
      {root && <Button look="quiet" onPress={() => setAsText(!asText)}>{asText ? text.json.asTree : text.json.asText}</Button>}
      <CopyButton value={source} label={text.json.copyAll} />
    </>
  )
  return (
    <div className="json" role="group" aria-label={label}>
      {root && !asText ? <JsonTree key={source} root={root} source={source} label={label} tools={tools} /> : <LongText key={source} source={source} label={label} tools={tools} />}
    </div>
  )
}
