// How the portal looks, as it will look.
import { useState, type CSSProperties, type FormEvent } from 'react'
import { useViewer } from '../../api/viewer'
import { contrast, css, parseColour } from '../../portal/colour'
import { logoOf, nameOf, standard, variables, type Brand } from '../../portal/look'
import { text } from '../../text/dashboard'
import { number } from '../../text/format'
import { Button, Input, Loading, Problem, Select, Switch, toast, wordsOf } from '../../ui'
import { useSettings, type Settings } from './environment'
import { Frame } from './frame'
import './settings.css'

const palette = ['primary', 'backgroundPrimary', 'backgroundSecondary', 'backgroundHover', 'textPrimary', 'textSecondary', 'textDanger', 'interactiveAccent', 'navigationAccent', 'buttonPrimary', 'borderPrimary'] as const
const corners = ['button', 'card', 'input'] as const
const object = (v: unknown): Record<string, unknown> => (typeof v === 'object' && v !== null ? (v as Record<string, unknown>) : {})
const word = (v: unknown): string => (typeof v === 'string' || typeof v === 'number' ? String(v) : '')
// Empty fields are left out of what is saved; an object without any becomes null, the default.
const kept = (o: Record<string, unknown>) => {
  const some = Object.entries(o).filter(([, v]) => v !== '' && v !== undefined && v !== null)
  return some.length ? Object.fromEntries(some) : null
}

export function Looks() {
  const settings = useSettings()
  if (settings.isPending) return <Frame title={text.settings.looks}><Loading /></Frame>
  if (settings.error) return <Frame title={text.settings.looks}><Problem error={settings.error} onRetry={settings.refetch} /></Frame>
  return <Frame title={text.settings.looks}><Form now={settings.data} patch={settings.patch} /></Frame>
}

function Form({ now, patch }: { now: Settings; patch: (c: Record<string, unknown>) => Promise<void> }) {
  const t = text.settings
  const { owns } = useViewer()
  const [draft, setDraft] = useState<Brand & { showUseSvixPlay?: unknown }>(now as Brand)
  const [theme, setTheme] = useState<'Light' | 'Dark'>('Light')
  const [problem, setProblem] = useState('')
  const set = (change: Record<string, unknown>) => setDraft((d) => ({ ...d, ...change }))
  const key = `colorPalette${theme}` as const
  const colours = object(draft[key])
  const override = object(draft.customThemeOverride)
  const strings = object(draft.customStringsOverride)
  const radius = object(override.borderRadius)
  const texts = ['displayName', 'customColor', 'customLogoUrl', 'customFontFamily', 'customFontFamilyUrl'] as const
  const wrong = [...palette.map((p) => colours[p]), draft.customColor].filter((c) => word(c) !== '' && !parseColour(c))
  const submit = async (e: FormEvent) => {
    e.preventDefault()
    setProblem('')
    try {
      await patch({
        ...Object.fromEntries(texts.map((k) => [k, word(draft[k]) || null])),
        colorPaletteLight: kept(object(draft.colorPaletteLight)), colorPaletteDark: kept(object(draft.colorPaletteDark)),
        customThemeOverride: kept({ ...override, borderRadius: kept(radius), fontSize: kept(object(override.fontSize)) }),
        customStringsOverride: kept(strings),
      })
      toast(t.saved)
    } catch (error) {
      setProblem(wordsOf(error))
    }
  }
  return (
    <div className="grid looks">
      <form className="card stack" onSubmit={submit}>
        {texts.map((k) => <Input key={k} label={t.lookFields[k]} value={word(draft[k])} onValue={(v) => set({ [k]: v })} spellCheck={false} />)}
        <h2>{t.colours}</h2>
        <Select label={t.theme} value={theme} onValue={(v) => setTheme(v as 'Light' | 'Dark')} options={[['Light', text.shell.themeLight], ['Dark', text.shell.themeDark]]} />
        {palette.map((p) => (
          <Input key={`${theme} ${p}`} label={t.palette[p]} value={word(colours[p])} spellCheck={false} error={word(colours[p]) && !parseColour(colours[p]) ? t.noColour : undefined}
            onValue={(v) => set({ [key]: { ...colours, [p]: v } })} />
        ))}
        <h2>{t.shapes}</h2>
        {corners.map((c) => <Select key={c} label={t.corners[c]} value={word(radius[c])} onValue={(v) => set({ customThemeOverride: { ...override, borderRadius: { ...radius, [c]: v } } })} options={['', 'none', 'sm', 'md', 'lg', 'full'].map((v) => [v, v || t.standard] as const)} />)}
        <Input label={t.fontSize} type="number" min={11} max={22} value={word(object(override.fontSize).base)} onValue={(v) => set({ customThemeOverride: { ...override, fontSize: { base: v === '' ? '' : Number(v) } } })} />
        <h2>{t.words}</h2>
        {(['channelsOne', 'channelsMany', 'channelsHelp'] as const).map((k) => <Input key={k} label={t.strings[k]} value={word(strings[k])} onValue={(v) => set({ customStringsOverride: { ...strings, [k]: v } })} />)}
        {problem && <div className="note bad" role="alert">{problem}</div>}
        {owns('settings:write') && <div><Button look="primary" type="submit" disabled={wrong.length > 0}>{text.common.save}</Button></div>}
      </form>
      <Preview brand={draft} dark={theme === 'Dark'} />
    </div>
  )
}

// The page's own colours follow the page's theme; the preview has one of its own.
const ground = Object.fromEntries(Object.entries({ ...standard, control: ['#868d9c', '#6d7587'], 'idle-soft': ['#eceef2', '#262b36'] }).map(([name, [light, dark]]) => [`--${name}`, `light-dark(${light}, ${dark})`]))

function Preview({ brand, dark }: { brand: Brand; dark: boolean }) {
  const t = text.settings
  const [on, setOn] = useState(true)
  const scheme = dark ? 'dark' : 'light'
  const logo = logoOf(brand, {})
  return (
    <section className="stack" aria-label={t.preview}>
      <h2>{t.preview}</h2>
      <div className="looks-preview stack" style={{ ...ground, ...variables(brand, {}), colorScheme: scheme } as CSSProperties}>
        <div className="row">{logo && <img src={logo} alt="" />}<strong>{nameOf(brand) || text.common.product}</strong></div>
        <div className="card stack tight">
          <h3>{text.portal.endpoints}</h3>
          <p>{t.previewText}</p>
          <p className="muted">{t.previewMuted}</p>
          <Input label={text.portal.url} defaultValue="https://example.com/webhooks" />
          <Switch label={t.previewSwitch} checked={on} onValue={setOn} />
          <div className="row"><Button look="primary">{t.previewButton}</Button><Button look="danger">{text.common.remove}</Button></div>
        </div>
      </div>
      <Warnings brand={brand} dark={dark} />
    </section>
  )
}

/** Warnings names colours that could not be read as they were chosen: the portal moves them until they can. */
function Warnings({ brand, dark }: { brand: Brand; dark: boolean }) {
  const t = text.settings
  const colours = object(dark ? brand.colorPaletteDark : brand.colorPaletteLight)
  const ground = parseColour(colours.backgroundSecondary) ?? parseColour(colours.backgroundPrimary) ?? parseColour(dark ? '#171a21' : '#ffffff')!
  const chosen = [['textPrimary', colours.textPrimary], ['textSecondary', colours.textSecondary], ['textDanger', colours.textDanger], ['interactiveAccent', colours.interactiveAccent ?? colours.primary ?? brand.customColor]] as const
  const bad = chosen.flatMap(([name, value]) => {
    const c = parseColour(value)
    return c && contrast(c, ground) < 4.5 ? [{ name, ratio: contrast(c, ground), colour: css(c) }] : []
  })
  return <div role="status" className="stack tight">{bad.map((b) => <div key={b.name} className="note warn">{t.lowContrast(t.palette[b.name], b.colour, number(b.ratio, 1))}</div>)}</div>
}
