import { useEffect, useState } from 'react'
import { text } from '../text/dashboard'
import { Button, Dialog, Switch, usePreference } from '../ui'
import { isShortcut } from './keys'
import { navigation } from './navigation'

/** Keyboard opens the list of all keys, by button or with "?". */
export function Keyboard() {
  const [open, setOpen] = useState(false)
  const [letters, setLetters] = usePreference('letters')
  const t = text.shell
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.key !== '?' || !isShortcut(e) || document.querySelector('dialog[open]')) return
      e.preventDefault()
      setOpen(true)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  const groups: [string, [string[], string][]][] = [
    [t.keysEverywhere, [[['/'], t.keySearch], [['Ctrl', 'K'], t.keySearch], [['?'], t.keyHelp], [['Esc'], t.keyEscape]]],
    [t.keysGo, navigation().map((n) => [['g', n.key], n.words])],
    [t.keysLists, [[['j'], t.keyDown], [['k'], t.keyUp], [['x'], t.keySelect], [['Enter'], t.keyPreview], [['o'], t.keyOpen], [['r'], t.keyResend]]],
    [t.keysCharts, [[['←', '→'], t.keyCursor], [['Shift', '←', '→'], t.keyMark], [['Enter'], t.keyZoom]]],
  ]
  return (
    <>
      <Button look="quiet" label={t.keyboard} onPress={() => setOpen(true)}><kbd aria-hidden="true">?</kbd></Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t.keyboard} wide>
        <Switch label={t.letters} help={t.lettersHelp} checked={letters === 'on'} onValue={(on) => setLetters(on ? 'on' : 'off')} />
        <div className="grid">
          {groups.map(([head, keys]) => (
            <section key={head} className="stack tight">
              <h3>{head}</h3>
              <dl className="keys">
                {keys.map(([list, words]) => <div key={list.join() + words}><dt>{list.map((k, i) => <span key={k + i}><kbd>{k}</kbd> </span>)}</dt><dd>{words}</dd></div>)}
              </dl>
            </section>
          ))}
        </div>
      </Dialog>
    </>
  )
}
