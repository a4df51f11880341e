import { expect, test } from 'vitest'
import { parseKey, placeOf } from './address'
import { picture, readLook, variables } from './look'

test('a key is read from the fragment, however base64 is written', () => {
  const key = { appId: 'app_1', token: 'hl_pk_~~~???' }
  const text = btoa(JSON.stringify(key))
  for (const written of [text, text.replace(/\+/g, '-').replace(/\//g, '_'), encodeURIComponent(text), text.replace(/=+$/, '')]) {
    expect(parseKey(`#key=${written}`), written).toEqual(key)
  }
  expect(parseKey(`#a=b&key=${btoa('{"oneTimeToken":"x"}')}`)).toEqual({ oneTimeToken: 'x' })
  expect(parseKey('')).toBeUndefined()
  expect(parseKey('#section')).toBeUndefined()
  for (const wrong of ['', '%', '!!', btoa('7'), btoa('null'), btoa('{}'), btoa('{"token":7}'), btoa('{"token":""}'), btoa('[')]) expect(parseKey(`#key=${wrong}`), wrong).toBeNull()
})

test('a link leads to places of the portal only', () => {
  for (const [next, place] of [['/endpoints/ep_1', '/endpoints/ep_1'], ['/messages?status=2', '/messages?status=2'], ['/endpoints/../../x', '/x'], ['/messages#key=abc', '/messages']] as const) {
    expect(placeOf(next), next).toBe(place)
  }
  for (const next of [null, '', '/', 'messages', '//evil.example', '/\\evil.example', 'https://evil.example/', 'javascript:alert(1)', '/\t/evil.example', '/a/..//evil.example']) {
    expect(placeOf(next), String(next)).toBe('')
  }
})

test('looks are read by rules, and what breaks them is left away', () => {
  expect(readLook(new URLSearchParams('primaryColorLight=28bb93&primaryColorDark=%23FFB124&icon=https://i.example/a.png&fontFamily=Open+Sans&darkMode=true&hideNavigation=true&noGutters=true'))).toEqual({
    primaryLight: '#28bb93', primaryDark: '#ffb124', icon: 'https://i.example/a.png', fontFamily: 'Open Sans', darkMode: 'dark', hideNavigation: true, noGutters: true,
  })
  expect(readLook(new URLSearchParams('primaryColor=red&darkMode=auto'))).toEqual({ primaryLight: '#ff0000', primaryDark: '#ff0000', darkMode: 'auto' })
  expect(readLook(new URLSearchParams('primaryColorLight=red;}&icon=javascript:alert(1)&fontFamily=a"; color: red&darkMode=1&hideNavigation=yes'))).toEqual({})
  for (const wrong of ['http://i.example/a.png', '//i.example/a.png', 'data:text/html,<script>', 'https://user:pw@i.example/', 'blob:https://x/1']) expect(picture(wrong), wrong).toBeUndefined()
  expect(picture('data:image/svg+xml;base64,PHN2Zy8+')).toBeDefined()
})

test('a brand becomes variables, and garbage becomes none', () => {
  expect(variables({}, {})).toEqual({})
  const v = variables({ customColor: '#28bb93', colorPaletteDark: { primary: '#ffb124', textPrimary: '#111111' }, customThemeOverride: { borderRadius: { button: 'full', card: 'full', input: 'none', other: 'lg' }, fontSize: { base: 90 } }, customFontFamily: 'Inter' }, {})
  expect(v['--button']).toBe('light-dark(#28bb93, #ffb124)')
  expect(v['--on-button']).toBe('light-dark(#000000, #000000)')
  expect(v['--text']).toMatch(/^light-dark\(#171a21, #[89a-f]/) // text that could not be read on the dark ground was moved
  expect(v).toMatchObject({ '--radius-button': '999px', '--radius-card': '16px', '--radius-input': '0', '--base': '22px', '--font': '"Inter", system-ui, sans-serif' })
  expect(variables({ customColor: 7, colorPaletteLight: 'x', colorPaletteDark: null, customThemeOverride: { borderRadius: { button: 'url(x)' }, fontSize: { base: '1' } }, customFontFamily: 'a;b' }, {})).toEqual({})
})
