// Moves a company's session files into baileys_sessions_backup/ so that it can be paired anew.
// Usage: node scripts/reinit-baileys-session.js COMPANY, then init-baileys-session.js COMPANY
import fs from 'node:fs/promises'
import path from 'node:path'

const [companyId] = process.argv.slice(2)
if (!companyId) {
  console.error('Usage: node scripts/reinit-baileys-session.js COMPANY')
  process.exit(1)
}
const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15)
const from = path.resolve('baileys_sessions', `company_${companyId}`)
const to = path.resolve('baileys_sessions_backup', stamp, `company_${companyId}`)
await fs.mkdir(path.dirname(to), { recursive: true })
await fs.rename(from, to)
console.log(`${from} is now ${to}`)
