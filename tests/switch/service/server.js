// A service as small as it can be, with the two providers that a cut-over moves between. It keeps
// real files, real rows and a real status endpoint; it opens no WhatsApp connection.
const fs = require('fs')
const http = require('http')
const path = require('path')

const NEW = fs.existsSync(path.join(__dirname, 'new'))

require('dotenv').config({ quiet: true })
const env = process.env
const companies = env.COMPANIES.split(',')
const provider = env.USE_REPOSITORY_PATTERN === 'true' ? 'postgres' : NEW ? null : 'files'

async function main() {
  if (!provider) throw new Error('No auth state provider configured.')
  const count = provider === 'files' ? countFiles : await countRows()
  if (NEW && env.DRILL_SQL) await query(env.DRILL_SQL)
  if (NEW && env.DRILL_AT_START) require('child_process').execSync(env.DRILL_AT_START)
  if (NEW && env.DRILL === 'touch') await touch()
  if (NEW && env.DRILL === 'macs') console.error('Session error: Bad MAC')
  else if (NEW && env.DRILL) throw new Error('drill')
  const server = http.createServer(async (request, response) => {
    if (!NEW && env.DRILL_FORM) return response.end('{"status":"connected"}')
    const shown = {}
    for (const id of companies) shown[id] = { provider, ...await count(id), connection: 'connecting' }
    const flags = { LOG_LEVEL: env.LOG_LEVEL ?? null }
    const pid = NEW && env.DRILL_PID ? Number(env.DRILL_PID) : process.pid
    response.end(JSON.stringify({ pid, flags, companies: shown }))
  })
  if (NEW && env.DRILL_SLOW) await new Promise(go => setTimeout(go, Number(env.DRILL_SLOW)))
  if (NEW && env.DRILL_DIES) setTimeout(() => process.exit(1), Number(env.DRILL_DIES))
  server.listen(Number(env.STATUS_PORT), '127.0.0.1')
  process.on('SIGINT', () => {
    // What a kill in the middle of saveCreds leaves behind (docs/facts.md section 2).
    if (env.DRILL_TEAR && provider === 'files') fs.writeFileSync(creds(companies[0]), '{"me":')
    if (env.DRILL_AT_STOP) require('child_process').execSync(env.DRILL_AT_STOP)
    if (env.DRILL_EDIT && provider === 'files') fs.appendFileSync(env.DRILL_EDIT, 'LATE=1\n')
    process.exit(0)
  })
}

// Where its kind of service keeps them: a directory a company, one of another name, or none at all.
const directory = id => [`company_${id}`, `md_shop${id}`, '.']
  .map(name => path.resolve(env.SESSIONS || 'baileys_sessions', name)).find(one => fs.existsSync(path.join(one, 'creds.json')))
const creds = id => path.join(directory(id), 'creds.json')

async function countFiles(id) {
  const names = fs.readdirSync(directory(id)).filter(name => name.endsWith('.json'))
  const loaded = JSON.parse(fs.readFileSync(creds(id), 'utf8'))
  return { credentials: Boolean(loaded.me?.id), keys: names.length - 1 }
}

async function query(text, values) {
  const { Client } = require('pg')
  const client = new Client({
    host: env.POSTGRES_HOST, port: Number(env.POSTGRES_PORT), database: env.POSTGRES_DATABASE,
    user: env.POSTGRES_USER, password: env.POSTGRES_PASSWORD
  })
  await client.connect()
  try {
    return (await client.query(text, values)).rows
  } finally {
    await client.end()
  }
}

async function countRows() {
  return async id => {
    const [auth] = await query('SELECT count(*)::int n FROM whatsapp_auth WHERE company_id = $1', [id])
    const [keys] = await query('SELECT count(*)::int n FROM whatsapp_keys WHERE company_id = $1', [id])
    return { credentials: auth.n === 1, keys: keys.n }
  }
}

async function touch() {
  await query("DELETE FROM whatsapp_keys WHERE key_type = 'pre-key' AND key_id = '1'", [])
}

main().catch(error => {
  console.error(error.message)
  process.exit(1)
})
