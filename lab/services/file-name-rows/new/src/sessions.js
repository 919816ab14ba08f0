import { BufferJSON, initAuthCreds, proto } from '@whiskeysockets/baileys'
import { pool } from './database.js'

export const WHERE = 'PostgreSQL, table "Session"'

const LIST = `SELECT "sessionId" FROM "Session" WHERE id = 'creds' ORDER BY "sessionId"`
const READ = 'SELECT data FROM "Session" WHERE "sessionId" = $1 AND id = $2'
const WRITE = `INSERT INTO "Session" ("sessionId", id, data) VALUES ($1, $2, $3)
  ON CONFLICT ("sessionId", id) DO UPDATE SET data = excluded.data`
const REMOVE = 'DELETE FROM "Session" WHERE "sessionId" = $1 AND id = $2'

/** The names of all accounts: those that have credentials. */
export async function listSessions() {
  const { rows } = await pool.query(LIST)
  return rows.map(row => row.sessionId)
}

/** What useMultiFileAuthState does, on rows instead of files: the same names, the same JSON. */
export async function openSession(name) {
  const fixId = id => id.replace(/\//g, '__').replace(/:/g, '-')

  async function read(id) {
    const { rows } = await pool.query(READ, [name, fixId(id)])
    return rows.length ? JSON.parse(rows[0].data, BufferJSON.reviver) : null
  }

  async function write(id, value) {
    await pool.query(WRITE, [name, fixId(id), JSON.stringify(value, BufferJSON.replacer)])
  }

  async function remove(id) {
    await pool.query(REMOVE, [name, fixId(id)])
  }

  async function readKey(type, id) {
    const value = await read(`${type}-${id}`)
    return type === 'app-state-sync-key' && value
      ? proto.Message.AppStateSyncKeyData.fromObject(value)
      : value
  }

  const creds = (await read('creds')) ?? initAuthCreds()
  return {
    state: {
      creds,
      keys: {
        async get(type, ids) {
          const values = await Promise.all(ids.map(id => readKey(type, id)))
          return Object.fromEntries(ids.map((id, i) => [id, values[i]]))
        },
        async set(data) {
          const tasks = []
          for (const type in data) {
            for (const id in data[type]) {
              const value = data[type][id]
              tasks.push(value ? write(`${type}-${id}`, value) : remove(`${type}-${id}`))
            }
          }
          await Promise.all(tasks)
        }
      }
    },
    saveCreds: () => write('creds', creds)
  }
}
