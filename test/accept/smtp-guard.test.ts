/** What `smtp-guard.ts` relies on inside `smtp-server`: these fail when an update takes it away. */
import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { it } from 'node:test'
import { SMTPServer } from 'smtp-server'
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js'
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js'

it('the connection has what the guard hooks into', () => {
  for (const method of ['_createParser', '_onCommand', '_resetSession', 'send', 'close', 'init'] as const) {
    assert.equal(typeof SMTPConnection.prototype[method], 'function', method)
  }
  const connection = new SMTPConnection(new SMTPServer({ logger: false }), new Socket())
  assert.equal(connection._ready, false)
  assert.equal(connection._upgrading, false)
  assert.equal(connection._nextHandler, false)
  assert.ok(connection._socket instanceof Socket)
  assert.equal(typeof SMTPServer.prototype.connect, 'function')
})

it('the connection makes its parser with _createParser, before and after STARTTLS', () => {
  let made = 0
  class Counting extends SMTPConnection {
    override _createParser(): SMTPStream {
      made++
      return super._createParser()
    }
  }
  const connection = new Counting(new SMTPServer({ logger: false }), new Socket())
  assert.equal(made, 1)
  connection.upgrade(() => {})
  assert.equal(made, 2)
  connection._socket.destroy()
})

it('the parser hands what follows the final dot to _write again', () => {
  const written: string[] = []
  class Watched extends SMTPStream {
    override _write(chunk: Buffer, encoding: BufferEncoding | 'buffer', next: (error?: Error | null) => void): void {
      written.push(`${this._dataMode} ${chunk.toString()}`)
      super._write(chunk, encoding, next)
    }
  }
  const parser = new Watched()
  parser.oncommand = (_line, next) => next?.()
  parser.startDataMode().resume()
  parser.write('a\r\n.\r\nNOOP\r\n')
  assert.equal(parser.isClosed, false)
  assert.equal(parser._dataMode, false)
  parser.continue()
  assert.deepEqual(written, ['true a\r\n.\r\nNOOP\r\n', 'false NOOP\r\n'])
})
