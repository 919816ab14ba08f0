// Says which companies have so many session files that the clean-up is worth running.
// Usage: node scripts/baileys-auto-cleanup-trigger.js [LIMIT]
import fs from 'node:fs/promises'
import path from 'node:path'

const limit = Number(process.argv[2] ?? 5000)
const base = path.resolve('baileys_sessions')
for (const company of await fs.readdir(base)) {
  const files = await fs.readdir(path.join(base, company))
  if (files.length > limit) {
    console.log(`${company}: ${files.length} files, run baileys-multitenancy-cleanup.js`)
  }
}
