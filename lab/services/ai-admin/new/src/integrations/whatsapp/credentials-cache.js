// The credentials last seen, for a database outage of a few minutes.
const fs = require('fs/promises')
const path = require('path')
const { reviveBuffers } = require('./buffers')

const FILE = path.resolve('.baileys-cache.json')
const GOOD_FOR_MS = 5 * 60 * 1000

async function readAll() {
  try {
    return JSON.parse(await fs.readFile(FILE, 'utf8'))
  } catch {
    return {}
  }
}

async function save(companyId, creds) {
  const all = { ...(await readAll()), [companyId]: { savedAt: Date.now(), creds } }
  await fs.writeFile(FILE, JSON.stringify(all), { mode: 0o600 })
}

async function load(companyId) {
  const { savedAt, creds } = (await readAll())[companyId] ?? { savedAt: 0 }
  return Date.now() - savedAt < GOOD_FOR_MS ? reviveBuffers(creds) : null
}

module.exports = { save, load }
