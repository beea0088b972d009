/**
 * The page of a trace in a real browser, loaded from a file. Needs Chromium and playwright-core; without them it is
 * skipped and says so.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import type { Browser, BrowserContextOptions, BrowserType, Page } from 'playwright-core'
import { traceHtml } from '../../src/report/trace/trace-html.ts'
import type { TraceResult } from '../../src/trace/result.ts'
import { root } from '../support/root.ts'
import { delivered, hostile, lab, overIpv6, policyDrop, tooBig } from '../unit/packet/trace-results.ts'

/** Loaded at run time: bundled it would not find its own files. */
const load = createRequire(join(root, 'package.json'))
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const browserPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin']
  .flatMap((dir) => NAMES.map((name) => join(dir, name)))
  .find((file) => existsSync(file))

function missing(): string | false {
  if (!browserPath) return 'Chromium is not installed (Debian: apt-get install chromium)'
  try {
    load.resolve('playwright-core')
    return false
  } catch {
    return 'playwright-core is not installed (npm ci)'
  }
}

const STORIES: Readonly<Record<string, () => TraceResult>> = { delivered, policyDrop, tooBig, overIpv6, hostile }
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--no-first-run']
const DESKTOP = { viewport: { width: 1280, height: 900 } }
const TOO_WIDE = `(() => {
  const stage = document.querySelector('.stage')
  return Math.max(0, document.documentElement.scrollWidth - innerWidth, stage.scrollWidth - stage.clientWidth)
})()`

/** In the page: texts whose colour is too near to what is behind them. */
const LOW_CONTRAST = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = color
    canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255)
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const color = rgba(getComputedStyle(e).backgroundColor)
      if (color[3] === 255) return color
    }
    return [255, 255, 255]
  }
  const found = []
  for (const e of document.querySelectorAll('main *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
    if (!own || e.closest('.hidden, noscript, svg') || !e.getClientRects().length) continue
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))]
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    if (ratio < 4.5) found.push(e.className + ' ' + e.textContent.slice(0, 30) + ' ' + ratio.toFixed(2))
  }
  return found
})()`

describe('the page of a trace', { skip: missing() }, () => {
  let browser: Browser
  const dir = mkdtempSync(join(tmpdir(), 'netlab-html-'))

  before(async () => {
    const { chromium } = load('playwright-core') as { chromium: BrowserType }
    browser = await chromium.launch({ executablePath: browserPath!, args: FLAGS })
  })
  after(async () => {
    await browser?.close()
    rmSync(dir, { recursive: true })
  })

  /** Opens a traced; fails when the page complains or asks the network for anything. */
  async function open(traced: TraceResult, options: BrowserContextOptions, look: (page: Page) => Promise<void>): Promise<void> {
    const file = join(dir, 'page.html')
    writeFileSync(file, traceHtml(traced, lab()))
    const page = await browser.newPage(options)
    const troubles: string[] = []
    page.on('console', (m) => troubles.push(`${m.type()}: ${m.text()}`))
    page.on('pageerror', (e) => troubles.push(`error: ${e.message}`))
    page.on('request', (r) => {
      if (r.url() !== pathToFileURL(file).href && !r.url().startsWith('data:')) troubles.push(`request: ${r.url()}`)
    })
    try {
      await page.goto(pathToFileURL(file).href)
      await look(page)
      assert.deepEqual(troubles, [])
    } finally {
      await page.close()
    }
  }

  /** Polls from here: the page's policy allows no script but its own. */
  async function until(holds: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(50)) if (await holds()) return
    assert.fail(`waited in vain: ${holds.toString()}`)
  }
  const where = async (page: Page): Promise<number> => Number(await page.inputValue('#scrubber'))

  for (const [name, make] of Object.entries(STORIES)) {
    for (const [width, height] of [
      [1600, 900],
      [1000, 800],
      [390, 844],
    ] as const) {
      test(`${name} at ${width} pixels: no complaint, no request, nothing wider than the screen, every step shown`, () =>
        open(make(), { viewport: { width, height }, reducedMotion: 'reduce' }, async (page) => {
          const steps = Number(await page.getAttribute('#scrubber', 'max')) + 1
          await page.keyboard.press('Home')
          for (let i = 0; i < steps; i++) {
            assert.equal(await where(page), i)
            assert.ok((await page.textContent('#where'))!.startsWith(`${i + 1} / ${steps}`))
            await page.keyboard.press('ArrowRight')
          }
          assert.equal(await where(page), steps - 1)
          assert.equal(await page.evaluate(TOO_WIDE), 0)
          assert.equal(await page.evaluate('window.evil'), undefined)
        }))
    }
  }

  test('keys move the scrubber; the list and the headers follow', () =>
    open(delivered(), DESKTOP, async (page) => {
      const moves = { ArrowRight: 1, ArrowLeft: 0, End: 23, Home: 0 }
      for (const [key, at] of Object.entries(moves)) {
        await page.keyboard.press(key)
        assert.equal(await where(page), at, key)
      }
      await page.keyboard.press('ArrowLeft')
      assert.equal(await where(page), 0, 'there is nothing before the first')
      await page.focus('#scrubber')
      for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight')
      assert.equal(await where(page), 4, 'the focused scrubber moves by one a key')
      assert.equal(await page.getAttribute('tr[aria-current]', 'data-step'), '4')
      const headers = ['Ethernet', 'IPv4', 'UDP', 'VXLAN', 'Ethernet', 'IPv4', 'ICMP', 'Data']
      assert.deepEqual(await page.locator('.layer b').allTextContents(), headers)
      assert.equal(await page.locator('.layer.added').count(), 4)
      assert.equal(await page.locator('.tunnel.in').count(), 1)
      assert.match((await page.textContent('#live'))!, /^Step 5 of 24, forward: node-1 eth0 out/)
      await page.locator('tr[data-step="20"] button').click()
      assert.equal(await where(page), 20)
    }))

  test('space plays and pauses; a focused button keeps its own space', () =>
    open(delivered(), DESKTOP, async (page) => {
      await page.keyboard.press(' ')
      assert.equal(await page.getAttribute('#play', 'aria-label'), 'Pause')
      await until(async () => (await where(page)) > 1)
      await page.keyboard.press(' ')
      assert.equal(await page.getAttribute('#play', 'aria-label'), 'Play')
      const at = await where(page)
      await page.focus('#next')
      await page.keyboard.press(' ')
      assert.equal(await where(page), at + 1)
      assert.equal(await page.getAttribute('#play', 'aria-label'), 'Play')
    }))

  test('the drop is shown: in the verdict, on the drawing, beside its step, in the list', () =>
    open(policyDrop(), DESKTOP, async (page) => {
      assert.equal(await page.textContent('.verdict strong'), 'Dropped by policy shop/deny-all at node-2, on vxlan1')
      assert.equal(await page.locator('.node.dropped').count(), 1)
      assert.equal(await page.textContent('.node.dropped text >> nth=0'), 'node-2')
      assert.ok(await page.locator('.end .cross').isVisible())
      // It opens there.
      assert.equal(await page.textContent('#decisions-title'), 'Dropped here')
      const at = await where(page)
      await page.keyboard.press('End')
      assert.equal(await where(page), at)
      const beside = await page.textContent('#decisions')
      for (const part of ['-j DROP', 'lab.yaml:8', 'NETFILTER_DROP']) assert.ok(beside!.includes(part), part)
      assert.ok(await page.locator('.token.dropped').isVisible())
      assert.equal(await page.locator('.hops tr.never').count(), 3)
      assert.equal(await page.locator('.dot.never').count(), 3)
    }))

  test('with reduced motion nothing slides, and everything still works', () =>
    open(delivered(), { ...DESKTOP, reducedMotion: 'reduce' }, async (page) => {
      await page.keyboard.press('End')
      assert.equal(await page.evaluate('getComputedStyle(document.querySelector(".token")).transitionDuration'), '0s')
      await page.keyboard.press('Home')
      await page.keyboard.press(' ')
      await until(async () => (await where(page)) > 0)
    }))

  test('the drawing follows the width of the window', () =>
    open(delivered(), DESKTOP, async (page) => {
      await page.setViewportSize({ width: 390, height: 844 })
      await until(async () => Number(await page.getAttribute('#stage', 'width')) < 390)
      assert.ok(Number(await page.getAttribute('#stage', 'height')) > 500)
    }))

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`text has a contrast of 4.5 to 1 in ${colorScheme} (WCAG 2.2 AA)`, () =>
      open(policyDrop(), { ...DESKTOP, colorScheme, reducedMotion: 'reduce' }, async (page) => {
        for (const key of ['Home', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'End']) {
          await page.keyboard.press(key)
          assert.deepEqual(await page.evaluate(LOW_CONTRAST), [], key)
        }
      }))
  }

  test('without JavaScript the verdict and the list of hops are there', () =>
    open(policyDrop(), { javaScriptEnabled: false }, async (page) => {
      assert.ok(await page.locator('.verdict').isVisible())
      assert.equal(await page.locator('.hops tbody tr').count(), 13)
      assert.ok(!(await page.locator('.player').isVisible()))
    }))
})
