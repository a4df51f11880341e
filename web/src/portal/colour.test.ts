import { expect, test } from 'vitest'
import { contrast, css, on, parseColour, readable, type Rgb } from './colour'

test('colours are read in the ways they are written, and nothing else is', () => {
  for (const [written, read] of [
    ['#28bb93', '#28bb93'], ['28bb93', '#28bb93'], ['#ABC', '#aabbcc'], ['#abcd', '#aabbcc'], ['#11223344', '#112233'], [' white ', '#ffffff'], ['orange', '#ffa500'],
    ['rgb(40, 187, 147)', '#28bb93'], ['rgb(40 187 147 / 50%)', '#28bb93'], ['rgba(300,-4,0,.5)', '#ff0000'], ['rgb(100%,0%,50%)', '#ff0080'],
    ['hsl(0, 100%, 50%)', '#ff0000'], ['hsl(240deg 100% 25%)', '#000080'], ['hsl(-120,100%,50%)', '#0000ff'],
  ] as const) {
    expect(css(parseColour(written)!), written).toBe(read)
  }
  for (const wrong of ['', '#', '#12', '#12345', 'var(--x)', 'red;background:url(//evil.example)', 'url(x)', 'rgb(1,2)', 'rgb(a,b,c)', 'rgb(1 2 3 4 5)', 'hsl(1,2,3)', 'toString', 'constructor', '__proto__', null, 7, {}]) {
    expect(parseColour(wrong), String(wrong)).toBeUndefined()
  }
})

test('text on any colour, and any colour as text, can be read', () => {
  for (let r = 0; r < 256; r += 17) {
    for (let g = 0; g < 256; g += 17) {
      for (let b = 0; b < 256; b += 51) {
        const c: Rgb = [r, g, b]
        expect(contrast(c, on(c))).toBeGreaterThanOrEqual(4.5)
        for (const grounds of [[[255, 255, 255], [247, 248, 250]], [[15, 17, 21], [30, 34, 43]]] as Rgb[][]) {
          for (const ground of grounds) expect(contrast(readable(c, grounds), ground)).toBeGreaterThanOrEqual(4.5)
        }
      }
    }
  }
  const fine: Rgb = [63, 75, 209]
  expect(readable(fine, [[255, 255, 255]])).toEqual(fine)
})
