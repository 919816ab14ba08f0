import makeWASocket, {
  DisconnectReason,
  makeCacheableSignalKeyStore
} from '@whiskeysockets/baileys'
import pino from 'pino'
import { log } from './log.js'
import { openSession } from './sessions.js'

// There is no WhatsApp in the lab: a loopback port that nothing listens on, so that no packet
// leaves the host.
const WHATSAPP_URL = 'ws://127.0.0.1:9/'
const RETRY_MS = 5_000
const logger = pino({ level: 'silent' })

/** Open an account's session and keep it connected; `stop()` closes the socket. */
export async function startAccount(name) {
  const { state, saveCreds, store } = await openSession(name)
  const { me } = state.creds
  log(name, me ? `credentials loaded for ${me.id}` : 'no credentials found, creating new ones')
  let socket
  let timer
  let stopped = false

  function connect() {
    socket = makeWASocket({
      auth: { creds: state.creds, keys: makeCacheableSignalKeyStore(state.keys, logger) },
      logger,
      waWebSocketUrl: WHATSAPP_URL
    })
    store?.bind(socket.ev)
    socket.ev.on('creds.update', saveCreds)
    socket.ev.on('connection.update', follow)
    socket.ev.on('messages.upsert', answer)
  }

  function follow({ connection, lastDisconnect, qr }) {
    if (qr) {
      log(name, `scan this code: ${qr}`)
    }
    if (connection === 'open') {
      log(name, `connected as ${state.creds.me.id}`)
    }
    if (connection !== 'close' || stopped) {
      return
    }
    const { error } = lastDisconnect
    if (error?.output?.statusCode === DisconnectReason.loggedOut) {
      log(name, 'logged out by the phone: pair again')
      return
    }
    log(name, `connection closed (${error?.message}), again in ${RETRY_MS / 1000} s`)
    timer = setTimeout(connect, RETRY_MS)
  }

  async function answer({ messages }) {
    for (const { key, message } of messages) {
      const text = message?.conversation ?? message?.extendedTextMessage?.text
      if (!text || key.fromMe) {
        continue
      }
      log(name, `message from ${key.remoteJid}: ${text}`)
      if (process.env.AUTO_REPLY) {
        await socket.sendMessage(key.remoteJid, { text: process.env.AUTO_REPLY })
      }
    }
  }

  connect()
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
      socket.end(undefined)
      store?.close()
    }
  }
}
