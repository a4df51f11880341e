// How a portal looks: the settings of the product that it belongs to, and over them what its link or
// its embedding page says, as in the hosted portal. All of it comes from others, so each value
// is read by a rule of its own, and what is not understood is left away.
import { css, mix, on, parseColour, readable, type Rgb } from './colour'

/** Look is what a link says: the parameters of the hosted portal's URL, read and checked. */
export type Look = {
  primaryLight?: string
  primaryDark?: string
  icon?: string
  fontFamily?: string
  darkMode?: 'light' | 'dark' | 'auto'
  hideNavigation?: boolean
  noGutters?: boolean
}

/** lookNames are the parameters that leave the address once they were read. */
export const lookNames = ['primaryColor', 'primaryColorLight', 'primaryColorDark', 'icon', 'fontFamily', 'darkMode', 'hideNavigation', 'noGutters']

const family = /^[a-zA-Z0-9\-_ ]{1,100}$/

/** picture lets through what an image may be loaded from: https, or data of an image. */
export function picture(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 65_536) return undefined
  if (/^data:image\/(png|jpeg|gif|webp|svg\+xml|x-icon|avif)[;,]/i.test(value)) return value
  try {
    const url = new URL(value)
    return url.protocol === 'https:' && !url.username && !url.password ? url.href : undefined
  } catch {
    return undefined
  }
}

const colour = (value: string | null): string | undefined => {
  const c = parseColour(value)
  return c && css(c)
}

/** readLook reads the parameters of an address. */
export function readLook(search: URLSearchParams): Look {
  const both = colour(search.get('primaryColor'))
  const font = search.get('fontFamily') ?? ''
  const dark = search.get('darkMode')
  const flag = (name: string) => search.get(name) === 'true' || undefined
  const look: Look = {
    primaryLight: colour(search.get('primaryColorLight')) ?? both,
    primaryDark: colour(search.get('primaryColorDark')) ?? both,
    icon: picture(search.get('icon')),
    fontFamily: family.test(font) ? font : undefined,
    darkMode: dark === 'true' ? 'dark' : dark === 'false' ? 'light' : dark === 'auto' ? 'auto' : undefined,
    hideNavigation: flag('hideNavigation'),
    noGutters: flag('noGutters'),
  }
  return Object.fromEntries(Object.entries(look).filter(([, v]) => v !== undefined))
}

type Palette = Partial<Record<'primary' | 'backgroundPrimary' | 'backgroundSecondary' | 'backgroundHover' | 'textPrimary' | 'textSecondary' | 'textDanger' | 'interactiveAccent' | 'navigationAccent' | 'buttonPrimary' | 'borderPrimary', unknown>>

/** Brand is what the settings say of looks; each value is as whoever set it left it. */
export type Brand = {
  customColor?: unknown
  logoUrl?: unknown
  customLogoUrl?: unknown
  customFontFamily?: unknown
  customFontFamilyUrl?: unknown
  customThemeOverride?: unknown
  customStringsOverride?: unknown
  displayName?: unknown
  colorPaletteLight?: unknown
  colorPaletteDark?: unknown
}

const object = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {})

// The grounds of tokens.css, on which what is not chosen stands.
const grounds = {
  light: { bg: '#f7f8fa', surface: '#ffffff', hover: '#eef0f5', text: '#171a21' },
  dark: { bg: '#0f1115', surface: '#171a21', hover: '#232834', text: '#e8eaf0' },
}

// one has the variables of one theme. A text that could not be read on its ground is moved until it can.
function one(theme: 'light' | 'dark', palette: Palette, primary: unknown): Record<string, string> {
  const chosen = (name: keyof Palette) => parseColour(palette[name])
  const known = (name: keyof typeof grounds.light) => parseColour(grounds[theme][name])!
  const bg = chosen('backgroundPrimary') ?? known('bg')
  const surface = chosen('backgroundSecondary') ?? (chosen('backgroundPrimary') ? bg : known('surface'))
  const hover = chosen('backgroundHover') ?? (chosen('backgroundPrimary') || chosen('backgroundSecondary') ? mix(surface, on(surface), 0.07) : known('hover'))
  const all = [bg, surface, hover]
  const out: Record<string, Rgb> = {}
  if (chosen('backgroundPrimary')) out.bg = bg
  if (chosen('backgroundPrimary') || chosen('backgroundSecondary')) {
    out.surface = surface
    out.raised = surface
  }
  const moved = Object.keys(out).length > 0
  if (moved || chosen('backgroundHover')) out.hover = hover
  const text = chosen('textPrimary') ?? (moved ? known('text') : undefined)
  if (text) out.text = readable(text, all)
  const muted = chosen('textSecondary') ?? (moved ? mix(out.text ?? known('text'), bg, 0.3) : undefined)
  if (muted) out.muted = readable(muted, all)
  const danger = chosen('textDanger')
  if (danger) out.bad = readable(danger, all)
  const border = chosen('borderPrimary') ?? (moved ? mix(surface, on(surface), 0.15) : undefined)
  if (border) out.border = border
  const main = parseColour(primary) ?? chosen('primary')
  const accent = chosen('interactiveAccent') ?? main
  if (accent) {
    const soft = mix(surface, accent, 0.12)
    out['accent-soft'] = soft
    out.accent = readable(accent, [...all, soft])
  }
  const navigation = chosen('navigationAccent')
  if (navigation) out['navigation-accent'] = readable(navigation, all)
  const button = chosen('buttonPrimary') ?? main ?? accent
  if (button) {
    out.button = button
    out['on-button'] = on(button)
    // What is filled with the accent (a switch) carries a mark in the colour for on top of it.
    out['on-accent'] = on(out.accent ?? button)
  }
  return Object.fromEntries(Object.entries(out).map(([name, value]) => [name, css(value)]))
}

const radii: Record<string, string> = { none: '0', sm: '4px', md: '8px', lg: '12px', full: '999px' }

/** variables are the CSS variables of a brand and a look. Those of the two themes are in one light-dark() each. */
export function variables(brand: Brand, look: Look): Record<string, string> {
  const light = one('light', object(brand.colorPaletteLight), look.primaryLight ?? (parseColour(object(brand.colorPaletteLight).primary) ? undefined : brand.customColor))
  const dark = one('dark', object(brand.colorPaletteDark), look.primaryDark ?? (parseColour(object(brand.colorPaletteDark).primary) ? undefined : brand.customColor))
  const out: Record<string, string> = {}
  for (const name of new Set([...Object.keys(light), ...Object.keys(dark)])) {
    // A theme that has no colour of its own keeps that of tokens.css: each variable is also kept there by its theme.
    out[`--${name}`] = `light-dark(${light[name] ?? standard[name]?.[0] ?? 'inherit'}, ${dark[name] ?? standard[name]?.[1] ?? 'inherit'})`
  }
  const override = object(brand.customThemeOverride)
  for (const [name, value] of Object.entries(object(override.borderRadius))) {
    // Round ends are for what has one line; a card has corners.
    if (['button', 'card', 'input'].includes(name) && typeof value === 'string' && Object.hasOwn(radii, value)) out[`--radius-${name}`] = name !== 'button' && value === 'full' ? '16px' : radii[value]!
  }
  const base = object(override.fontSize).base
  if (typeof base === 'number' && base > 0) out['--base'] = `${Math.min(22, Math.max(11, Math.round(base)))}px`
  const font = look.fontFamily ?? brand.customFontFamily
  if (typeof font === 'string' && family.test(font)) out['--font'] = `"${font}", system-ui, sans-serif`
  return out
}

/** standard is what the variables are where one theme has a colour and the other has none: as in tokens.css. */
export const standard: Record<string, readonly [string, string]> = {
  bg: ['#f7f8fa', '#0f1115'], surface: ['#ffffff', '#171a21'], raised: ['#ffffff', '#1e222b'], hover: ['#eef0f5', '#232834'], border: ['#dfe2e9', '#2c313d'],
  text: ['#171a21', '#e8eaf0'], muted: ['#575e6d', '#a3aab9'], bad: ['#b3202f', '#ff8a93'], accent: ['#3f4bd1', '#9aa6ff'], 'accent-soft': ['#eceefc', '#23284a'],
  'on-accent': ['#ffffff', '#10131c'], button: ['#3f4bd1', '#9aa6ff'], 'on-button': ['#ffffff', '#10131c'], 'navigation-accent': ['#3f4bd1', '#9aa6ff'],
}

/** wordsOfChannels are what the product calls channels; undefined for those it leaves as they are. */
export function wordsOfChannels(brand: Brand): { one?: string; many?: string; help?: string } {
  const strings = object(brand.customStringsOverride)
  const word = (name: string, most: number) => (typeof strings[name] === 'string' && strings[name].trim() ? strings[name].slice(0, most) : undefined)
  return { one: word('channelsOne', 60), many: word('channelsMany', 60), help: word('channelsHelp', 500) }
}

/** nameOf is the product's name. */
export const nameOf = (brand: Brand): string => (typeof brand.displayName === 'string' ? brand.displayName.slice(0, 120) : '')

/** logoOf is the picture beside the name. */
export const logoOf = (brand: Brand, look: Look): string | undefined => look.icon ?? picture(brand.logoUrl) ?? picture(brand.customLogoUrl)

/** apply sets the variables, through the object model: the policy of the page allows no style that is written as text. */
export function apply(brand: Brand, look: Look) {
  const style = document.documentElement.style
  for (const [name, value] of Object.entries(variables(brand, look))) style.setProperty(name, value)
  const url = picture(brand.customFontFamilyUrl)
  if (url && !look.fontFamily && typeof brand.customFontFamily === 'string' && family.test(brand.customFontFamily)) {
    // A file that does not load leaves the system's font in its place.
    new FontFace(brand.customFontFamily, `url(${JSON.stringify(url)})`).load().then((font) => document.fonts.add(font), () => {})
  }
}
