import { revision, VERSION } from './identity.js'
import { createLoggers } from './log.js'
import { SessionPool } from './session-pool.js'
import { loadSettings } from './settings.js'
import { startStatusServer } from './status.js'

const startedAt = new Date().toISOString()

async function main() {
  const settings = loadSettings()
  const loggers = createLoggers(settings.logLevel)
  const pool = new SessionPool(settings, loggers)
  await pool.initialise()
  const facts = {
    version: VERSION,
    revision: revision(),
    pid: process.pid,
    startedAt,
    flags: settings.flags
  }
  const server = await startStatusServer(settings.statusPort, async () => ({
    ...facts,
    ...(await pool.report())
  }))
  loggers.announce.info(`Status on http://127.0.0.1:${settings.statusPort}/status`)
  stopOnSignal(server, pool, loggers)
}

function stopOnSignal(server, pool, { announce }) {
  let stopping = false
  const stop = async signal => {
    if (stopping) {
      return
    }
    stopping = true
    announce.info(`Stopping on ${signal}`)
    server.close()
    await pool.end()
    announce.info('Stopped')
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

main().catch(error => {
  console.error(error.message)
  process.exit(1)
})
