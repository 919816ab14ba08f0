// Opens a new session for a company and prints the pairing code to scan.
// Usage: node scripts/init-baileys-session.js COMPANY
import makeWASocket, { useMultiFileAuthState } from '@whiskeysockets/baileys'
import path from 'node:path'

const [companyId] = process.argv.slice(2)
if (!companyId) {
  console.error('Usage: node scripts/init-baileys-session.js COMPANY')
  process.exit(1)
}
const { state, saveCreds } = await useMultiFileAuthState(
  path.resolve('baileys_sessions', `company_${companyId}`)
)
if (state.creds.me) {
  console.error(`Company ${companyId} is paired already: use reinit-baileys-session.js`)
  process.exit(1)
}
const socket = makeWASocket({ auth: state, waWebSocketUrl: 'ws://127.0.0.1:9/' })
socket.ev.on('creds.update', saveCreds)
socket.ev.on('connection.update', ({ qr, connection, lastDisconnect }) => {
  if (qr) {
    console.log(qr)
  }
  if (connection === 'close') {
    console.error(lastDisconnect?.error?.message ?? 'connection closed')
    process.exit(1)
  }
})
