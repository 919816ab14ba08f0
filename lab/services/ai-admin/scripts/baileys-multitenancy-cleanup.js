// Lists copies (*.bak) older than 14 days in the directories of all companies. Keys are never touched.
// Usage: node scripts/baileys-multitenancy-cleanup.js [BASE]
const fs = require('fs')
const path = require('path')

const MAX_AGE_MS = 14 * 24 * 60 * 60 * 1000
const base = path.resolve(process.argv[2] ?? 'baileys_sessions')

for (const company of fs.existsSync(base) ? fs.readdirSync(base) : []) {
  for (const name of fs.readdirSync(path.join(base, company))) {
    const file = path.join(base, company, name)
    if (name.endsWith('.bak') && Date.now() - fs.statSync(file).mtimeMs > MAX_AGE_MS) {
      console.log(file)
    }
  }
}
