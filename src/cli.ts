/** The `waypost` command: this process's streams and exit code. What the commands do is in `cli/`. */
import { run } from './cli/program.ts'
import { systemTerminal } from './cli/terminal.ts'

const code = await run(process.argv.slice(2), systemTerminal())
// `serve` goes on after it has started, and then says by itself how it ended.
if (code !== 0) process.exitCode = code
