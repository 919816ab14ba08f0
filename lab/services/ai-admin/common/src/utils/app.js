// What the small apps have in common: settings, a beat, and an end.
const logger = require('./logger')
require('dotenv').config()
const postgres = require('../database/postgres')

/** Work now and every so often; a failure is logged and tried again the next time. */
function everySeconds(seconds, name, work) {
  const once = () => work().catch(error => logger.error(`❌ ${name}: ${error.message}`))
  logger.info(`🚀 ${name} started`)
  once()
  const timer = setInterval(once, seconds * 1000)
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      clearInterval(timer)
      await postgres.close()
      process.exit(0)
    })
  }
}

/** Work and end. */
async function once(name, work) {
  try {
    await work()
    logger.info(`✅ ${name} done`)
  } catch (error) {
    logger.error(`❌ ${name}: ${error.message}`)
    process.exitCode = 1
  }
  await postgres.close()
}

module.exports = { everySeconds, once }
