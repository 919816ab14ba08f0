// Copies the session files of one company into whatsapp_auth and whatsapp_keys.
// Usage: node scripts/migrate-baileys-files-to-database.js COMPANY [--write]
// Without --write it only counts. Names that it can't read are listed and left alone.
import fs from 'node:fs/promises'
import path from 'node:path'
import { createLoggers } from '../src/log.js'
import { connectDatabase } from '../src/database.js'
import { databaseSettings, loadSettings } from '../src/settings.js'

const TYPES = [
  'app-state-sync-version',
  'sender-key-memory',
  'identity-key',
  'device-list',
  'lid-mapping',
  'pre-key',
  'session'
]

function decode(name) {
  const type = TYPES.find(known => name.startsWith(`${known}-`))
  return type ? { type, id: name.slice(type.length + 1, -'.json'.length) } : null
}

async function copy(pool, companyId, directory, names) {
  const creds = await fs.readFile(path.join(directory, 'creds.json'), 'utf8')
  await pool.query(
    'INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, $2::jsonb) ON CONFLICT DO NOTHING',
    [companyId, creds]
  )
  for (const name of names) {
    const { type, id } = decode(name)
    const value = await fs.readFile(path.join(directory, name), 'utf8')
    await pool.query(
      'INSERT INTO whatsapp_keys (company_id, key_type, key_id, value) VALUES ($1, $2, $3, $4::jsonb) ON CONFLICT DO NOTHING',
      [companyId, type, id, value]
    )
  }
}

const [companyId, flag] = process.argv.slice(2)
const directory = path.resolve('baileys_sessions', `company_${companyId}`)
const files = (await fs.readdir(directory)).filter(
  name => name.endsWith('.json') && name !== 'creds.json'
)
const readable = files.filter(decode)
console.log(
  `${readable.length} keys can be copied, ${files.length - readable.length} are left alone`
)
if (flag === '--write') {
  const { logLevel } = loadSettings()
  const pool = await connectDatabase(databaseSettings(), createLoggers(logLevel).log)
  await copy(pool, companyId, directory, readable)
  await pool.end()
}
