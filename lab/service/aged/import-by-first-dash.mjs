// An importer as one was found in the wild: it splits file names at the first dash, and "verifies"
// by comparing counts. Run in the checkout, as the service's user, with the service stopped.
// Usage: node import-by-first-dash.mjs COMPANY
import fs from 'node:fs/promises'
import path from 'node:path'
import { openRows } from '../lab-tools/lib/service.mjs'

const company = process.argv[2]
const directory = path.resolve('baileys_sessions', `company_${company}`)
const { query, close } = await openRows(company)
const read = name => fs.readFile(path.join(directory, name), 'utf8')

await query('INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, $2::jsonb)', [
  company,
  await read('creds.json')
])
const names = (await fs.readdir(directory)).filter(name => name !== 'creds.json')
for (const name of names) {
  const [, type, id] = name.match(/^(.+?)-(.+)\.json$/)
  await query(
    'INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ($1, $2, $3, $4::jsonb)',
    [company, type, id, await read(name)]
  )
}
const { rows } = await query(
  'SELECT count(*)::int AS n FROM whatsapp_keys WHERE company_id = $1',
  [company]
)
await close()
if (rows[0].n !== names.length) {
  throw new Error(`${rows[0].n} keys are in the database, there were ${names.length} files`)
}
process.exit(0)
