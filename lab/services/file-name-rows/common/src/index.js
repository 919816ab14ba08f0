import 'dotenv/config'
import { startAccount } from './account.js'
import { log } from './log.js'
import { listSessions, WHERE } from './sessions.js'

const accounts = []
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    log('desk', `stopping on ${signal}`)
    accounts.forEach(account => account.stop())
    process.exit(0)
  })
}

log('desk', `sessions in ${WHERE}`)
for (const name of await listSessions()) {
  accounts.push(await startAccount(name))
}
log('desk', `${accounts.length} accounts started`)
