#!/usr/bin/env node
// Plain JavaScript, so that an old Node can still read it and say what it needs. Waypost runs its TypeScript as it is, which
// takes Node 24; `npm ci` brings that as a package, and where an older Node started us (npx outside the checkout, an absolute
// path) we hand over to it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'

const wanted = 24
if (Number(process.versions.node.split('.')[0]) >= wanted) {
  // What was compiled once is kept, for the store's thread too (it has the environment's word): a start that finds it is quicker
  // and takes 40 MB less, for it need not load what turns TypeScript into JavaScript. Where it cannot be kept, all goes on.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/waypost', import.meta.url))
  module.enableCompileCache()
  await import('./cli.ts')
} else {
  const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
  if (existsSync(bundled)) {
    const child = spawn(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    child.on('exit', (code, signal) => {
      process.exitCode = signal ? 1 : (code ?? 1)
    })
  } else {
    console.error(
      `Waypost needs Node ${wanted} or newer; this is ${process.version}. Run "npm ci" (without --ignore-scripts and --omit), which brings it, or install it.`,
    )
    process.exitCode = 1
  }
}
