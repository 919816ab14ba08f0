// Moves the company's session files into its rows through the service's own authentication
// states: run in the checkout of the old version, as the service's user, with the service stopped.
// Usage: node move-to-postgres.mjs KEY_LIST
import fs from 'node:fs/promises'
import { openFiles, openRows } from '../lab-tools/lib/service.mjs'

const COMPANY = '962302'

const ids = JSON.parse(await fs.readFile(process.argv[2], 'utf8'))
const files = await openFiles(COMPANY)
const { state, saveCreds, close } = await openRows(COMPANY)
Object.assign(state.creds, files.state.creds)
await saveCreds()
for (const [type, names] of Object.entries(ids)) {
  await state.keys.set({ [type]: await files.state.keys.get(type, names) })
}
await close()
process.exit(0)
