/**
 * A Chromium for tests that look through a browser: the one named by `CHROMIUM`, else the one that comes as a package (Linux on
 * x64, with the libraries it needs), else one that is installed. Where there is none, those tests are skipped and say so.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'

const installed = [
  ...['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'],
  ...['/snap/bin/chromium', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'],
]

/** No sandbox, for it is not to be had as root and in most containers; what the tests show it is their own. Names under `test` are this machine. */
const flags = [
  '--host-resolver-rules=MAP *.test 127.0.0.1',
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
]

interface Found {
  executablePath: string
  env: Record<string, string>
}

/** Unpacks the packaged Chromium into `folder` (about 200 MB, two seconds); null when the package has none for this machine. */
async function unpacked(folder: string): Promise<Found | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  let entry: string
  try {
    entry = import.meta.resolve('@sparticuz/chromium')
  } catch {
    return null
  }
  const { inflate }: { inflate(archive: string): Promise<string> } = await import(entry)
  const archives = join(fileURLToPath(entry), '..', '..', 'bin')
  const before = process.env.TMPDIR
  // It unpacks into the system's temporary folder, under names that anyone may have taken: so that folder is ours for a moment.
  process.env.TMPDIR = folder
  try {
    const [executablePath, libraries, fonts] = await Promise.all(
      ['chromium.br', 'al2023.tar.br', 'fonts.tar.br'].map((archive) => inflate(join(archives, archive))),
    )
    // The package's own fonts.conf names folders of the system it was made for, and without a font Chromium aborts.
    const fontconfig = join(folder, 'fonts.conf')
    await writeFile(
      fontconfig,
      `<fontconfig><dir>${fonts}</dir><dir>/usr/share/fonts</dir><cachedir>${folder}/font-cache</cachedir></fontconfig>`,
    )
    return {
      executablePath: executablePath!,
      env: { LD_LIBRARY_PATH: join(libraries!, 'lib'), FONTCONFIG_FILE: fontconfig },
    }
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}

async function find(folder: string): Promise<Found | null> {
  const named = process.env.CHROMIUM
  if (named) return { executablePath: named, env: {} }
  const packaged = await unpacked(folder)
  if (packaged) return packaged
  const executablePath = installed.find(existsSync)
  return executablePath ? { executablePath, env: {} } : null
}

/** A browser and how to be rid of it, or why there is none. */
export async function openBrowser(): Promise<{ browser: Browser; close(): Promise<void> } | { missing: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'waypost-browser-'))
  const close = () => rm(folder, { recursive: true, force: true })
  try {
    const found = await find(folder)
    if (!found) {
      await close()
      return { missing: 'no Chromium here: install one, or name it in CHROMIUM' }
    }
    const env = { ...process.env, ...found.env, HOME: folder, TMPDIR: folder } as Record<string, string>
    const browser = await chromium.launch({ executablePath: found.executablePath, args: flags, env })
    return {
      browser,
      async close() {
        await browser.close()
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
