/** One suite for every store. */
import { join } from 'node:path'
import { openSqlite } from '../src/store/sqlite-node.ts'
import { contract } from './store/contract.ts'

contract('sqlite-node', (directory) => openSqlite({ path: join(directory, 'waypost.db') }))
