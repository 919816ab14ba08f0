// The service's own migrations, in the order of their names: node src/migrate.js
import fs from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectDatabase } from './database.js'
import { createLoggers } from './log.js'
import { databaseSettings, loadSettings } from './settings.js'

const DIRECTORY = fileURLToPath(new URL('../migrations/', import.meta.url))

const { logLevel } = loadSettings()
const { log, announce } = createLoggers(logLevel)
const pool = await connectDatabase(databaseSettings(), log)
for (const name of (await fs.readdir(DIRECTORY)).sort()) {
  await pool.query(await fs.readFile(path.join(DIRECTORY, name), 'utf8'))
  announce.info(`Migrated: ${name}`)
}
await pool.end()
