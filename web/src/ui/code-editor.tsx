import { lazy, Suspense } from 'react'
import { Loading } from './table'

export type CodeEditorProps = {
  /** label is what a screen reader calls it; it is not drawn. */
  label: string
  value: string
  onValue?: (v: string) => void
  language: 'json' | 'javascript'
  readOnly?: boolean
  /** lines is the least height. It grows with its content, up to 40 lines. */
  lines?: number
  /** at puts the cursor into a line and column, both from 1: where a script failed. */
  at?: { line: number; column?: number }
}

const load = () => import('./code-editor-view')
const View = lazy(load)

/** prepareCodeEditor loads it before it is drawn: for a button that leads to one, when the pointer or the focus comes near. */
export const prepareCodeEditor = (): void => { void load() }

/** CodeEditor edits a script or a JSON document: colours, brackets, undo, search by the browser. It is loaded when it is first drawn.
    Tab indents; Escape and then Tab leaves it, as its description says. */
export function CodeEditor(props: CodeEditorProps) {
  return <Suspense fallback={<Loading lines={props.lines ?? 6} />}><View {...props} /></Suspense>
}
