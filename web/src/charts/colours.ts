import { useEffect, useState } from 'react'

export type Colours = { ok: string; retried: string; failed: string; slow: string; text: string; muted: string; grid: string; surface: string; forced: boolean }

// What a canvas is drawn with must be read as a colour: a token is light-dark(...) until a property uses it.
function read(): Colours {
  const probe = document.createElement('span')
  probe.style.setProperty('forced-color-adjust', 'none')
  document.body.append(probe)
  const of = (value: string) => {
    probe.style.color = value
    return getComputedStyle(probe).color
  }
  const forced = matchMedia('(forced-colors: active)').matches
  const colours: Colours = forced
    ? { ok: of('CanvasText'), retried: of('LinkText'), failed: of('Highlight'), slow: of('CanvasText'), text: of('CanvasText'), muted: of('CanvasText'), grid: of('GrayText'), surface: of('Canvas'), forced }
    : { ok: of('var(--chart-ok)'), retried: of('var(--chart-retried)'), failed: of('var(--chart-failed)'), slow: of('var(--chart-slow)'), text: of('var(--text)'), muted: of('var(--muted)'), grid: of('var(--chart-grid)'), surface: of('var(--surface)'), forced }
  probe.remove()
  return colours
}

/** useColours are the colours of the theme in use; they change with it. */
export function useColours(): Colours {
  const [colours, setColours] = useState(read)
  useEffect(() => {
    const again = () => setColours(read())
    const media = ['(prefers-color-scheme: dark)', '(forced-colors: active)'].map((q) => matchMedia(q))
    media.forEach((m) => m.addEventListener('change', again))
    const theme = new MutationObserver(again)
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme', 'style', 'class'] })
    return () => {
      media.forEach((m) => m.removeEventListener('change', again))
      theme.disconnect()
    }
  }, [])
  return colours
}

/** pattern fills a layer of a canvas: the colour with lines (failed) or dots (retried) on it. */
export function pattern(context: CanvasRenderingContext2D, layer: 'ok' | 'retried' | 'failed', c: Colours): string | CanvasPattern {
  if (layer === 'ok') return c.ok
  const scale = devicePixelRatio || 1
  const tile = document.createElement('canvas')
  const size = Math.round(6 * scale)
  tile.width = tile.height = size
  const draw = tile.getContext('2d')
  if (!draw) return c[layer]
  draw.fillStyle = c[layer]
  draw.fillRect(0, 0, size, size)
  draw.strokeStyle = draw.fillStyle = c.surface
  draw.globalAlpha = 0.75
  draw.lineWidth = scale
  draw.beginPath()
  if (layer === 'failed') {
    for (const shift of [-size, 0, size]) {
      draw.moveTo(shift, size)
      draw.lineTo(shift + size, 0)
    }
    draw.stroke()
  } else {
    draw.arc(size / 2, size / 2, scale, 0, 7)
    draw.fill()
  }
  return context.createPattern(tile, 'repeat') ?? c[layer]
}
