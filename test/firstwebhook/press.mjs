// Opens the link, presses once and waits for the delivery; says the seconds of each part.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.env.WEB_FOLDER, 'package.json'))('playwright-core')
const [link] = process.argv.slice(2)
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] })
try {
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  let begun = performance.now()
  const lap = () => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    begun = performance.now()
    return seconds
  }
  await page.goto(link)
  const button = page.getByRole('button', { name: 'Send first webhook' })
  await button.waitFor()
  const opened = lap()
  await button.click()
  await page.getByText('Delivered', { exact: true }).first().waitFor()
  console.log(`page ${opened} s, from the click to the delivery in sight ${lap()} s`)
} finally {
  await browser.close()
}
