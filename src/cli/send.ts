/** `waypost send`: one message, or one a file, through a running gateway. */
import type { Command } from 'commander'
import { examples } from './flags.ts'
import { type MessageFlags, postEach, withMessage } from './message.ts'
import { json, plain, type Terminal } from './terminal.ts'

interface Receipt {
  id: string
  status: string
}

export function addSend(waypost: Command, terminal: Terminal): void {
  withMessage(waypost.command('send'))
    .summary('send a message through a running gateway')
    .description(
      'Sends a message through a running gateway and prints its id and status, once the gateway has it safe.',
    )
    .addHelpText(
      'after',
      examples(
        'send --from me@example.com --to you@example.com --subject Hello --text "A first message."',
        'send --file mail.eml --type marketing --tag spring',
        'send --from bounces@example.com --to you@example.com --file - < mail.eml',
      ),
    )
    .action((flags: MessageFlags) =>
      postEach<Receipt>(flags, terminal, '/v1/messages', (receipt) => {
        terminal.out(flags.json ? json(receipt) : `${plain(receipt.id)}\t${plain(receipt.status)}`)
      }),
    )
}
