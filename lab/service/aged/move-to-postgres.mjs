// Moves the company's session files into PostgreSQL through the service's own authentication
// states: run in the checkout of the old version, as the service's user, with the service stopped.
// Usage: node move-to-postgres.mjs KEY_LIST
import fs from 'node:fs/promises'
import { fromRelease } from '../lab-tools/lib/release.mjs'
import { openDatabase } from './postgres.mjs'

const COMPANY = '962302'
const quiet = { info() {} }

const ids = JSON.parse(await fs.readFile(process.argv[2], 'utf8'))
const { SessionPool } = await fromRelease('src/session-pool.js')
const files = await new SessionPool({}, { announce: quiet, log: quiet }).openFileAuthState(COMPANY)
const { pool, state, saveCreds } = await openDatabase(COMPANY)
Object.assign(state.creds, files.state.creds)
await saveCreds()
for (const [type, names] of Object.entries(ids)) {
  await state.keys.set({ [type]: await files.state.keys.get(type, names) })
}
await pool.end()
process.exit(0)
