// Runs the clean-up over a made-up directory: it lists the old copy and nothing else.
// Usage: node scripts/test-baileys-cleanup.js
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const cleanup = path.join(
  path.dirname(fileURLToPath(import.meta.url)),
  'baileys-multitenancy-cleanup.js'
)
const base = await fs.mkdtemp(path.join(os.tmpdir(), 'cleanup-'))
try {
  const company = path.join(base, 'company_1')
  const old = path.join(company, 'creds.json.bak')
  await fs.mkdir(company)
  await fs.writeFile(path.join(company, 'creds.json'), '{}')
  await fs.writeFile(old, '{}')
  await fs.utimes(old, new Date(0), new Date(0))
  assert.equal(execFileSync(process.execPath, [cleanup, base], { encoding: 'utf8' }).trim(), old)
  console.log('clean-up: ok')
} finally {
  await fs.rm(base, { recursive: true })
}
