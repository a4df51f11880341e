import { useMemo, useState } from 'react'
import { text } from '../../text'
import { Button, CopyButton } from '../button'
import { JsonTree } from './tree'
import { parseJson } from './parse'
import { LongText } from './long-text'
import './json.css'

/** largestTree is the longest text that is shown as a tree. */
const largestTree = 256 * 1024

/** View is what ui/json-view.tsx loads. */
export default function View({ source, label }: { source: string; label: string }) {
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
