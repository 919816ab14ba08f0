// Moves a company's session files into baileys_sessions_backup/ so that it can be paired anew.
// Usage: node scripts/reinit-baileys-session.js COMPANY, then init-baileys-session.js COMPANY
const path = require('path')
const fs = require('fs-extra')

const companyId = process.argv[2]
const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15)
fs.moveSync(
  path.resolve('baileys_sessions', `company_${companyId}`),
  path.resolve('baileys_sessions_backup', stamp, `company_${companyId}`)
)
