// Lists copies (*.bak) older than 14 days in the directories of all companies. Keys are never touched.
// Usage: node scripts/baileys-multitenancy-cleanup.js [BASE]
import fs from 'node:fs/promises'
import path from 'node:path'

const MAX_AGE_MS = 14 * 24 * 60 * 60 * 1000
const base = path.resolve(process.argv[2] ?? 'baileys_sessions')

for (const company of await fs.readdir(base)) {
  const directory = path.join(base, company)
  for (const name of await fs.readdir(directory)) {
    const file = path.join(directory, name)
    if (name.endsWith('.bak') && Date.now() - (await fs.stat(file)).mtimeMs > MAX_AGE_MS) {
      console.log(file)
    }
  }
}
