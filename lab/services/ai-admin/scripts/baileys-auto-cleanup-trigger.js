// Says which companies have so many session files that the clean-up is worth running.
const fs = require('fs')
const path = require('path')

const LIMIT = 5000
const base = path.resolve('baileys_sessions')
for (const company of fs.existsSync(base) ? fs.readdirSync(base) : []) {
  const { length } = fs.readdirSync(path.join(base, company))
  if (length > LIMIT) {
    console.log(`${company}: ${length} files, run baileys-multitenancy-cleanup.js`)
  }
}
