import { deepEqual } from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { watchFile } from '../../src/config/watch.ts'
import { eventually, newFolder, remove } from '../support/waypost.ts'

let folder: string
let file: string
let close: (() => void) | undefined

beforeEach(() => {
  folder = newFolder()
  file = join(folder, 'waypost.yaml')
})
afterEach(() => {
  close?.()
  remove(folder)
})

/** Watches, and changes the file until that is noticed: nobody can tell when the first look was. */
async function noticed(change: (time: number) => void): Promise<void> {
  let calls = 0
  let time = 0
  close = watchFile(file, () => calls++).close
  await eventually(() => {
    change(time++)
    return calls > 0
  }, 'the change is noticed')
}

test('a file that is written in place', async () => {
  writeFileSync(file, '')
  await noticed((time) => writeFileSync(file, `# ${time}`))
})

test('a file that is replaced, as editors do', async () => {
  writeFileSync(file, '')
  await noticed((time) => {
    writeFileSync(`${file}.new`, `# ${time}`)
    renameSync(`${file}.new`, file)
  })
})

test('a link into a folder that is swapped as a whole, as Kubernetes does with a ConfigMap', async () => {
  const release = (name: string) => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'waypost.yaml'), '')
    symlinkSync(name, join(folder, '..new'))
    renameSync(join(folder, '..new'), join(folder, '..data'))
  }
  release('..first')
  symlinkSync('..data/waypost.yaml', file)
  await noticed((time) => release(`..${time}`))
})

test('what happens beside it is not heard, nor anything once it is closed', async () => {
  writeFileSync(file, '')
  const heard: string[] = []
  watchFile(file, () => heard.push('after it was closed')).close()
  let looks = 0
  const its = () => looks > 100
  close = watchFile(file, () => heard.push(its() ? 'its change' : 'its neighbour')).close
  await eventually(() => {
    looks++
    writeFileSync(its() ? file : join(folder, 'waypost.db-wal'), `# ${looks}`)
    return heard.length > 0
  }, 'the change is noticed')
  deepEqual(heard, ['its change'])
})
