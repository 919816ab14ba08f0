// Counts a company's session files, and copies them into whatsapp_auth and whatsapp_keys.
// Usage: node scripts/migrate-baileys-files-to-database.js COMPANY [--write]
const fs = require('fs')
const path = require('path')
const { once } = require('../src/utils/app')
const postgres = require('../src/database/postgres')

const [companyId, flag] = process.argv.slice(2)
const directory = path.resolve('baileys_sessions', `company_${companyId}`)
const KEY = `INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, created_at, updated_at)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`

once('Migration of session files', async () => {
  const names = fs.readdirSync(directory).filter(name => name.endsWith('.json'))
  console.log(`${names.length} files`)
  if (flag !== '--write') {
    return
  }
  for (const name of names) {
    const file = path.join(directory, name)
    const { birthtime, mtime } = fs.statSync(file)
    const value = fs.readFileSync(file, 'utf8')
    if (name === 'creds.json') {
      await postgres.query(
        'INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, $2) ON CONFLICT DO NOTHING',
        [companyId, value]
      )
    } else {
      const [, type, id] = name.match(/^(.+?)-(.+)\.json$/)
      await postgres.query(KEY, [companyId, type, id, value, birthtime, mtime])
    }
  }
})
