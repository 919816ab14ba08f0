import fs from 'node:fs/promises'
import path from 'node:path'
import { useMultiFileAuthState } from '@whiskeysockets/baileys'
import { openStore } from './store.js'

export const WHERE = path.resolve('sessions')
const PREFIX = 'md_'

export const sessionPath = name => path.join(WHERE, PREFIX + name)

/** The names of all accounts: one directory each. */
export async function listSessions() {
  await fs.mkdir(WHERE, { recursive: true })
  const entries = await fs.readdir(WHERE)
  return entries.filter(entry => entry.startsWith(PREFIX)).map(entry => entry.slice(PREFIX.length))
}

export async function openSession(name) {
  const session = await useMultiFileAuthState(sessionPath(name))
  return { ...session, store: openStore(path.join(WHERE, `${name}_store.json`)) }
}
