// Colours that others choose: read, and made readable. Only what is understood here reaches a style.

/** Rgb has three parts of 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number]

const names: Record<string, string> = {
  black: '000000', white: 'ffffff', gray: '808080', grey: '808080', silver: 'c0c0c0', red: 'ff0000', maroon: '800000', yellow: 'ffff00', olive: '808000', lime: '00ff00',
  green: '008000', aqua: '00ffff', cyan: '00ffff', teal: '008080', blue: '0000ff', navy: '000080', fuchsia: 'ff00ff', magenta: 'ff00ff', purple: '800080', orange: 'ffa500',
}

const clamp = (n: number, most: number) => Math.min(most, Math.max(0, n))

function fromHsl(h: number, s: number, l: number): Rgb {
  const part = (n: number) => {
    const k = (n + h / 30) % 12
    return Math.round(255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1))))
  }
  return [part(0), part(8), part(4)]
}

/** parseColour reads #rgb, #rrggbb (also without "#", as in links), rgb(), hsl() and the basic names. How much shines
    through is left away: text must be readable whatever is behind. undefined for all else. */
export function parseColour(value: unknown): Rgb | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim().toLowerCase()
  const hex = /^#?([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/.exec(Object.hasOwn(names, text) ? names[text]! : text)?.[1]
  if (hex) {
    const size = hex.length < 6 ? 1 : 2
    const part = (i: number) => parseInt(hex.slice(i * size, (i + 1) * size).repeat(size === 1 ? 2 : 1), 16)
    return [part(0), part(1), part(2)]
  }
  const call = /^(rgb|hsl)a?\(([^()]{1,60})\)$/.exec(text)
  if (!call) return undefined
  const parts = call[2]!.split(/[\s,/]+/).filter(Boolean)
  if (parts.length < 3 || parts.length > 4) return undefined
  const numbers = parts.slice(0, 3).map((p) => /^[+-]?(\d+\.?\d*|\.\d+)(%|deg)?$/.exec(p)).map((m) => (m ? { n: Number(m[1]) * (m[0].startsWith('-') ? -1 : 1), unit: m[2] ?? '' } : undefined))
  const [a, b, c] = numbers
  if (!a || !b || !c) return undefined
  if (call[1] === 'rgb') {
    const list = [a, b, c]
    if (list.some((p) => p.unit === 'deg')) return undefined
    const [r, g, bl] = list.map((p) => Math.round(clamp(p.unit === '%' ? (p.n * 255) / 100 : p.n, 255)))
    return [r!, g!, bl!]
  }
  if (a.unit === '%' || b.unit !== '%' || c.unit !== '%') return undefined
  return fromHsl(((a.n % 360) + 360) % 360, clamp(b.n, 100) / 100, clamp(c.n, 100) / 100)
}

/** css writes a colour as #rrggbb. */
export const css = (c: Rgb): string => `#${c.map((p) => p.toString(16).padStart(2, '0')).join('')}`

const luminance = (c: Rgb): number => {
  const [r, g, b] = c.map((p) => {
    const s = p / 255
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}

/** contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance). */
export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high! + 0.05) / (low! + 0.05)
}

/** mix goes from one colour to another: share 0 is a, 1 is b. */
export const mix = (a: Rgb, b: Rgb, share: number): Rgb => [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * share)) as unknown as Rgb

const black: Rgb = [0, 0, 0]
const white: Rgb = [255, 255, 255]

/** on is black or white, whichever is read better on a colour. One of them always has 4.5 to 1. */
export const on = (c: Rgb): Rgb => (contrast(c, white) >= contrast(c, black) ? white : black)

/** readable moves a colour towards black or white until it can be read on each of the grounds (4.5 to 1), and no further. Where the
    grounds are so far apart that no colour can be read on all, it is the better of black and white. */
export function readable(c: Rgb, grounds: Rgb[], least = 4.5): Rgb {
  const worst = (x: Rgb) => Math.min(...grounds.map((g) => contrast(x, g)))
  const far = worst(white) >= worst(black) ? white : black
  for (let share = 0; share <= 1; share += 0.05) {
    const tried = mix(c, far, share)
    if (worst(tried) >= least) return tried
  }
  return far
}
