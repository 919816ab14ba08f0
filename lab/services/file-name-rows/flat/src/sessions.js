import path from 'node:path'
import { useMultiFileAuthState } from '@whiskeysockets/baileys'
import { openStore } from './store.js'

export const WHERE = path.resolve('auth_info_baileys')

export const sessionPath = () => WHERE

/** There is one account only; its name is for the log. */
export const listSessions = async () => ['main']

export async function openSession() {
  const session = await useMultiFileAuthState(WHERE)
  return { ...session, store: openStore('baileys_store.json') }
}
