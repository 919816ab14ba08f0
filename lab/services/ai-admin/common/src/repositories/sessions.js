const postgres = require('../database/postgres')

module.exports = {
  count: async () =>
    (await postgres.query('SELECT company_id, COUNT(*)::int AS keys FROM whatsapp_keys GROUP BY 1')).rows,
  statistics: async companyId =>
    (await postgres.query('SELECT * FROM get_whatsapp_keys_stats($1)', [companyId])).rows
}
