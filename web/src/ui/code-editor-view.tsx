// What CodeEditor draws once its library is here.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { javascript } from '@codemirror/lang-javascript'
import { json } from '@codemirror/lang-json'
import { bracketMatching, defaultHighlightStyle, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { useEffect, useId, useRef } from 'react'
import { text } from '../text'
import type { CodeEditorProps } from './code-editor'

// The library's own colours are for a white page. Each becomes a pair of ours with the contrast of text.
const pairs: Record<string, string> = {
  '#708': 'light-dark(#7a1fa2, #d0a2f7)', // keywords
  '#219': 'light-dark(#1a4fa3, #8fb8ff)', // true, null
  '#164': 'light-dark(#0f6b46, #6fd3a3)', // numbers
  '#a11': 'light-dark(#a1260d, #f2a58e)', // strings
  '#e40': 'light-dark(#a8430a, #f0b27a)', // regular expressions, escapes
  '#00f': 'light-dark(#2438c2, #a5b0ff)', // names that are defined
  '#30a': 'light-dark(#3a2aa8, #b9aeff)',
  '#085': 'light-dark(#0d6a4c, #74d6b0)',
  '#167': 'light-dark(#11616e, #7cd0de)',
  '#256': 'light-dark(#24586a, #8ecae0)',
  '#00c': 'light-dark(#1f36b5, #a5b0ff)',
  '#940': 'light-dark(#6a6233, #b9b184)', // comments
  '#f00': 'light-dark(#b3202f, #ff8a93)', // what does not parse
  '#404740': 'var(--muted)',
}
const colours = HighlightStyle.define(defaultHighlightStyle.specs.map((s) => ({ ...s, color: s.color && (pairs[s.color as string] ?? 'var(--text)') })))

const look = EditorView.theme({
  '&': { border: '1px solid var(--control)', borderRadius: 'var(--radius-input)', background: 'var(--surface)', color: 'var(--text)', fontSize: '.93rem' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '1px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5', maxHeight: '60em', overflow: 'auto' },
  '.cm-gutters': { background: 'transparent', color: 'var(--muted)', border: '0' },
  '.cm-activeLine, .cm-activeLineGutter': { background: 'transparent' },
  '&.cm-focused .cm-activeLine': { background: 'color-mix(in srgb, var(--accent) 7%, transparent)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': { background: 'color-mix(in srgb, var(--accent) 24%, transparent)' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { background: 'transparent', outline: '1px solid var(--control)' },
  '.cm-foldPlaceholder': { background: 'var(--hover)', border: '0', color: 'var(--muted)', padding: '0 .4em' },
})

// Where lines are typed over, a browser joins what is left of them by itself and gives it a style that the page's policy refuses. It is
// done here before.
const typedOver = EditorView.domEventHandlers({
  beforeinput(e, view) {
    const { main } = view.state.selection
    if (e.inputType !== 'insertText' || e.data === null || view.composing || view.state.readOnly || main.empty || view.state.doc.lineAt(main.from).to >= main.to) return false
    view.dispatch(view.state.replaceSelection(e.data), { userEvent: 'input.type', scrollIntoView: true })
    e.preventDefault()
    return true
  },
})

// The page allows only style elements that carry the nonce of this answer.
const nonce = () => document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''

export default function CodeEditorView({ label, value, onValue, language, readOnly = false, lines = 6, at }: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(undefined)
  const onChange = useRef(onValue)
  const changing = useRef(new Compartment())
  const id = useId()
  useEffect(() => {
    onChange.current = onValue
  })

  useEffect(() => {
    const extensions: Extension[] = [
      EditorView.cspNonce.of(nonce()),
      lineNumbers(), foldGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), highlightActiveLine(),
      syntaxHighlighting(colours), look, EditorView.lineWrapping,
      keymap.of([...defaultKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
      language === 'json' ? json() : javascript(),
      EditorView.updateListener.of((u) => { if (u.docChanged) onChange.current?.(u.state.doc.toString()) }),
      typedOver,
      changing.current.of([]),
    ]
    const made = new EditorView({ parent: place.current!, state: EditorState.create({ doc: value, extensions }) })
    view.current = made
    return () => made.destroy()
    // A value that changes later is taken up below, so that the cursor and the history stay.
  }, [language])

  useEffect(() => {
    view.current?.dispatch({ effects: changing.current.reconfigure([
      EditorState.readOnly.of(readOnly),
      EditorView.contentAttributes.of({ 'aria-label': label, 'aria-describedby': id, tabindex: '0', ...(readOnly && { 'aria-readonly': 'true' }) }),
      EditorView.theme({ '.cm-content': { minHeight: `${lines * 1.5}em` } }),
    ]) })
  }, [readOnly, label, lines, id, language])

  useEffect(() => {
    const v = view.current
    if (v && v.state.doc.toString() !== value) v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: value } })
  }, [value])

  useEffect(() => {
    const v = view.current
    if (!v || !at) return
    const line = v.state.doc.line(Math.min(Math.max(1, at.line), v.state.doc.lines))
    const anchor = Math.min(line.to, line.from + Math.max(0, (at.column ?? 1) - 1))
    v.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) })
    v.focus()
  }, [at?.line, at?.column])

  return <><div ref={place} /><p id={id} className="sr-only">{text.common.editorHelp}</p></>
}
