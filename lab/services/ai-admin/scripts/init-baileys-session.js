// Opens a new session for a company and prints the code to scan.
// Usage: node scripts/init-baileys-session.js COMPANY
const path = require('path')

async function main(companyId) {
  const { default: makeWASocket, useMultiFileAuthState } = await import('@whiskeysockets/baileys')
  const directory = path.resolve('baileys_sessions', `company_${companyId}`)
  const { state, saveCreds } = await useMultiFileAuthState(directory)
  if (state.creds.me) {
    throw new Error(`Company ${companyId} is paired already: use reinit-baileys-session.js`)
  }
  const socket = makeWASocket({ auth: state, waWebSocketUrl: 'ws://127.0.0.1:9/' })
  socket.ev.on('creds.update', saveCreds)
  socket.ev.on('connection.update', ({ qr, connection }) => {
    console.log(qr ?? connection)
    if (connection === 'close') {
      process.exit(1)
    }
  })
}

main(process.argv[2]).catch(error => {
  console.error(error.message)
  process.exit(1)
})
