// The service in `lab/services/file-name-rows/`: both revisions have one module for their sessions.
import { fromRelease } from '../lib/release.mjs'

async function open(name) {
  const session = await (await fromRelease('src/sessions.js')).openSession(name)
  return { ...session, credentialsFound: Boolean(session.state.creds.me) }
}

export async function openFiles(name) {
  const { sessionPath } = await fromRelease('src/sessions.js')
  return { ...(await open(name)), directory: sessionPath(name), close: async () => {} }
}

export async function openRows(name) {
  const { pool } = await fromRelease('src/database.js')
  return { ...(await open(name)), close: () => pool.end() }
}
