// Copies the session directories, and keeps the newest copies.
const fs = require('fs')
const path = require('path')
const { once } = require('../src/utils/app')
const logger = require('../src/utils/logger')

const KEEP = 4
const SOURCE = path.resolve('baileys_sessions')
const TARGET = path.resolve('whatsapp-backups')

once('WhatsApp backup', async () => {
  if (!fs.existsSync(SOURCE)) {
    logger.warn('⚠️ No session directories to back up')
    return
  }
  const stamp = new Date().toISOString().replace(/[:.]/g, '-')
  fs.cpSync(SOURCE, path.join(TARGET, `backup-${stamp}`), { recursive: true })
  const old = fs.readdirSync(TARGET).sort().slice(0, -KEEP)
  old.forEach(name => fs.rmSync(path.join(TARGET, name), { recursive: true }))
  logger.info(`💾 Sessions copied to ${TARGET}`)
})
