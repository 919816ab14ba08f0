import { BufferJSON, initAuthCreds, proto } from '@whiskeysockets/baileys'

// Values travel as JSON text in both directions. node-pg would turn a bare string such as a
// lid-mapping into a number, and would parse jsonb without reviving Buffers.
const encode = value => JSON.stringify(value, BufferJSON.replacer)
const decode = text => JSON.parse(text, BufferJSON.reviver)

const READ_CREDS = 'SELECT creds::text AS creds FROM whatsapp_auth WHERE company_id = $1'
const WRITE_CREDS = `INSERT INTO whatsapp_auth (company_id, creds) VALUES ($1, $2::jsonb)
  ON CONFLICT (company_id) DO UPDATE SET creds = excluded.creds, updated_at = now()`
const READ_KEYS = `SELECT key_id, value::text AS value FROM whatsapp_keys
  WHERE company_id = $1 AND key_type = $2 AND key_id = ANY($3::text[])`
const READ_ALL_KEYS =
  'SELECT key_type, value::text AS value FROM whatsapp_keys WHERE company_id = $1'
const COUNT_KEYS =
  'SELECT key_type, count(*)::int AS n FROM whatsapp_keys WHERE company_id = $1 GROUP BY key_type'
const WRITE_KEYS = `INSERT INTO whatsapp_keys (company_id, key_type, key_id, value)
  SELECT $1, k.key_type, k.key_id, k.value::jsonb
  FROM unnest($2::text[], $3::text[], $4::text[]) AS k (key_type, key_id, value)
  ON CONFLICT (company_id, key_type, key_id) DO UPDATE SET value = excluded.value, updated_at = now()`
const DELETE_KEYS = `DELETE FROM whatsapp_keys AS w
  USING unnest($2::text[], $3::text[]) AS k (key_type, key_id)
  WHERE w.company_id = $1 AND w.key_type = k.key_type AND w.key_id = k.key_id`

function reviveKey(type, text) {
  const value = decode(text)
  // keyData is stored as a base64 string; Baileys computes with the bytes.
  return type === 'app-state-sync-key' ? proto.Message.AppStateSyncKeyData.fromObject(value) : value
}

/**
 * A company's authentication state in the tables `whatsapp_auth` and `whatsapp_keys`.
 *
 * Without a row the credentials are fresh and stay in memory until Baileys says `creds.update`.
 *
 * @param {import('pg').Pool} pool
 * @param {string} companyId
 */
export async function usePostgresAuthState(pool, companyId) {
  const { rows } = await pool.query(READ_CREDS, [companyId])
  const creds = rows.length > 0 ? decode(rows[0].creds) : initAuthCreds()
  const writes = writeQueue()
  return {
    state: { creds, keys: keyStore(pool, companyId, writes) },
    credentialsFound: rows.length > 0,
    saveCreds: () => writes.add(() => pool.query(WRITE_CREDS, [companyId, encode(creds)])),
    loadKeys: () => loadKeys(pool, companyId),
    countKeys: () => countKeys(pool, companyId),
    settled: writes.settled
  }
}

/** One write of a company after the other: an older one must never overtake a newer one. */
function writeQueue() {
  let last = Promise.resolve()
  return {
    add(write) {
      const result = last.then(write)
      last = result.catch(() => {})
      return result
    },
    settled: () => last
  }
}

function keyStore(pool, companyId, writes) {
  return {
    async get(type, ids) {
      const { rows } = await pool.query(READ_KEYS, [companyId, type, ids])
      return Object.fromEntries(rows.map(row => [row.key_id, reviveKey(type, row.value)]))
    },
    set: data => writes.add(() => writeKeys(pool, companyId, data))
  }
}

/** All of one `set` or nothing of it: a ratchet and the pre-key it consumed belong together. */
async function writeKeys(pool, companyId, data) {
  const entries = Object.entries(data).flatMap(([type, values]) =>
    Object.entries(values ?? {}).map(([id, value]) => ({ type, id, value }))
  )
  const kept = entries.filter(entry => entry.value)
  const dropped = entries.filter(entry => !entry.value)
  const client = await pool.connect()
  let failure
  try {
    await client.query('BEGIN')
    if (kept.length > 0) {
      await client.query(WRITE_KEYS, [
        companyId,
        column(kept, 'type'),
        column(kept, 'id'),
        kept.map(k => encode(k.value))
      ])
    }
    if (dropped.length > 0) {
      await client.query(DELETE_KEYS, [companyId, column(dropped, 'type'), column(dropped, 'id')])
    }
    await client.query('COMMIT')
  } catch (error) {
    failure = error
    throw error
  } finally {
    // A connection that failed inside a transaction is thrown away: the server rolls it back.
    client.release(failure)
  }
}

const column = (entries, name) => entries.map(entry => entry[name])

/** Read and revive every key once, so that a value that Baileys can't use shows at the start. */
async function loadKeys(pool, companyId) {
  const { rows } = await pool.query(READ_ALL_KEYS, [companyId])
  for (const row of rows) {
    reviveKey(row.key_type, row.value)
  }
  return rows.length
}

async function countKeys(pool, companyId) {
  const { rows } = await pool.query(COUNT_KEYS, [companyId])
  return Object.fromEntries(rows.map(row => [row.key_type, row.n]))
}
