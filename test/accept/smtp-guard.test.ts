/** What `smtp-guard.ts` relies on inside `smtp-server`: these fail when an update takes it away. */
import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { it } from 'node:test'
import { SMTPServer } from 'smtp-server'
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js'
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js'

it('the connection has what the guard hooks into', () => {
  const commands = ['_onCommand', '_isDisabled', '_getHandler', '_parseAddressCommand'] as const
  for (const method of ['_createParser', ...commands, '_resetSession', 'send', 'close', 'init'] as const) {
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

it('the parser gives content to _feedDataStream, and goes on from _lastBytes', () => {
  const fed: string[] = []
  class Watched extends SMTPStream {
    override _feedDataStream(chunk: Buffer, done: (error?: Error | null) => void): void {
      fed.push(`${this._atDataStart} ${this._lastBytes} ${chunk}`)
      super._feedDataStream(chunk, done)
    }
  }
  const parser = new Watched()
  const stream = parser.startDataMode()
  stream.resume()
  assert.equal(parser._dataStream, stream)
  parser.write('one\r\n')
  parser.write('two\r\n.\r\n')
  assert.deepEqual(fed, ['true false one\r\n', 'false ne\r\n two\r\n.\r\n'])
  assert.equal(stream.byteLength, 10)
  assert.equal(typeof parser._countDataBytes, 'function')
})
