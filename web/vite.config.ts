import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// Two pages, one build: what both need is one chunk, loaded once. All places are relative, so that the
// files work below any base path (the server writes <base href>).
export default defineConfig({
  base: './',
  plugins: [react()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    manifest: 'manifest.json',
    target: 'es2022',
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['dashboard.html', 'portal.html'] },
  },
  server: {
    // `npm run dev` beside `make run`.
    proxy: Object.fromEntries(['/api', '/x', '/ingest'].map((path) => [path, 'http://127.0.0.1:8071'])),
  },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'src/**/*.test.tsx'] } },
      {
        extends: true,
        test: {
          name: 'browser', include: ['e2e/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false,
          // How long something takes is no verdict: the machine may be busy with other things.
          expect: { poll: { timeout: 20_000 } },
        },
      },
    ],
  },
})
