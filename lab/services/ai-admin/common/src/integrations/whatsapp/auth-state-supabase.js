const supabase = require('../../database/supabase')
const logger = require('../../utils/logger')
const { reviveBuffers } = require('./buffers')
const { expiresAt } = require('./expiry')

const BATCH = 100

/** Credentials and keys of a company in the tables of the same names at Supabase. */
async function useSupabaseAuthState(companyId) {
  const { initAuthCreds } = await import('@whiskeysockets/baileys')
  logger.info(`🔐 Initializing Supabase auth state for company ${companyId}`)
  const [row] = await supabase.select('whatsapp_auth', 'creds', { company_id: `eq.${companyId}` })
  const creds = row ? reviveBuffers(row.creds) : initAuthCreds()
  const saveCreds = () => supabase.upsert('whatsapp_auth', [{ company_id: companyId, creds }])
  if (row) {
    logger.info(`✅ Credentials loaded from Supabase for company ${companyId}`)
  } else {
    logger.info(`🆕 No credentials found in Supabase for company ${companyId}, creating new`)
    await saveCreds()
  }
  return { state: { creds, keys: keyStore(companyId) }, saveCreds }
}

const quoted = ids => `in.(${ids.map(id => JSON.stringify(id)).join(',')})`

function keyStore(companyId) {
  const own = { company_id: `eq.${companyId}` }
  return {
    async get(type, ids) {
      const found = {}
      try {
        for (let i = 0; i < ids.length; i += BATCH) {
          const filters = { ...own, key_type: `eq.${type}`, key_id: quoted(ids.slice(i, i + BATCH)) }
          for (const row of await supabase.select('whatsapp_keys', 'key_id,value', filters)) {
            found[row.key_id] = reviveBuffers(row.value)
          }
        }
        return found
      } catch (error) {
        logger.error(`❌ Failed to get keys ${type} of company ${companyId}: ${error.message}`)
        return {}
      }
    },
    async set(data) {
      const kept = []
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values)) {
          if (value) {
            const key = { company_id: companyId, key_type: type, key_id: id }
            kept.push({ ...key, value, expires_at: expiresAt(type) })
          } else {
            const filters = { ...own, key_type: `eq.${type}`, key_id: `eq.${id}` }
            await supabase.remove('whatsapp_keys', filters)
          }
        }
      }
      for (let i = 0; i < kept.length; i += BATCH) {
        await supabase.upsert('whatsapp_keys', kept.slice(i, i + BATCH))
      }
    }
  }
}

module.exports = { useSupabaseAuthState }
