const path = require('path')
const { getSessionPool } = require('../../integrations/whatsapp/session-pool')
const service = require('../../integrations/whatsapp/service-client')
const sessions = require('../../repositories/sessions')

/** Look at a session's files by the library itself. */
async function inspectFiles(query) {
  const { useMultiFileAuthState } = await import('@whiskeysockets/baileys')
  const directory = path.resolve('baileys_sessions', `company_${query.get('company')}`)
  const { state } = await useMultiFileAuthState(directory)
  return { registered: state.creds.registered, me: state.creds.me?.id ?? null }
}

module.exports = {
  routes: {
    'GET /whatsapp/status': () => service.health(),
    'GET /whatsapp/metrics': async () => getSessionPool().getMetrics(),
    'GET /whatsapp/sessions': () => sessions.count(),
    'GET /whatsapp/sessions/files': inspectFiles
  }
}
