import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

// Text that a person sees comes from the catalogue (src/text), so that a second language is one file.
const spoken = new Set(['aria-label', 'title', 'placeholder', 'alt', 'label'])
const hasLetters = (text) => /\p{L}{2,}/u.test(text)
const noLiteralText = {
  meta: { type: 'problem', schema: [] },
  create: (context) => ({
    JSXText(node) {
      if (hasLetters(node.value)) context.report({ node, message: 'Text belongs into src/text.' })
    },
    JSXAttribute(node) {
      const value = node.value?.type === 'Literal' ? node.value.value : undefined
      if (spoken.has(node.name.name) && typeof value === 'string' && hasLetters(value)) {
        context.report({ node, message: 'Text belongs into src/text.' })
      }
    },
  }),
}

export default defineConfig([
  { ignores: ['dist', 'src/api/*.d.ts'] },
  tseslint.configs.recommended,
  {
    files: ['src/**/*.tsx'],
    plugins: { hookloft: { rules: { 'no-literal-text': noLiteralText } } },
    rules: { 'hookloft/no-literal-text': 'error' },
  },
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-restricted-properties': ['error', { property: 'innerHTML', message: 'Names, payloads and answers are not ours: show them as text.' }],
      'no-restricted-syntax': ['error', { selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]', message: 'Names, payloads and answers are not ours: show them as text.' }],
    },
  },
])
