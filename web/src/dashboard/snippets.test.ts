import { expect, test } from 'vitest'
import { messageCurl, messageSnippets, portalSnippets } from './snippets'

test('each of nine languages names the server and the application, and no token', () => {
  for (const list of [portalSnippets('https://hooks.example.com/base', 'acme', ['ViewBase', 'ManageEndpoint']), messageSnippets('https://hooks.example.com/base', 'acme')]) {
    expect(list.map((s) => s.words)).toEqual(['JavaScript', 'Python', 'Go', 'Java', 'Kotlin', 'Ruby', 'C#', 'PHP', 'Rust'])
    for (const { code } of list) {
      expect(code).toContain('"https://hooks.example.com/base"')
      expect(code).toContain('"acme"')
      expect(code).toContain('HOOKLOFT_TOKEN')
    }
  }
  expect(messageCurl('http://127.0.0.1:8071', 'demo')).toContain('http://127.0.0.1:8071/api/v1/app/demo/msg')
})

test('capabilities have the names that each library gives them', () => {
  const of = (id: string) => portalSnippets('http://x', 'a', ['ViewBase', 'ViewEndpointSecret']).find((s) => s.id === id)!.code
  expect(of('javascript')).toContain('["ViewBase", "ViewEndpointSecret"]')
  expect(of('kotlin')).toContain('setOf(AppPortalCapability.VIEW_BASE, AppPortalCapability.VIEW_ENDPOINT_SECRET)')
  expect(of('csharp')).toContain('[AppPortalCapability.ViewBase, AppPortalCapability.ViewEndpointSecret]')
  expect(of('rust')).toContain('AppPortalCapability::ViewEndpointSecret')
})
