const postgres = require('../database/postgres')

const one = async (text, values) => (await postgres.query(text, values)).rows[0]

module.exports = {
  upcoming: () => one('SELECT COUNT(*)::int AS n FROM bookings WHERE starts_at > NOW()'),
  due: async hours =>
    (
      await postgres.query(
        `SELECT b.id, b.service, c.phone FROM bookings b JOIN clients c ON c.id = b.client_id
          WHERE NOT b.reminded AND b.starts_at BETWEEN NOW() AND NOW() + $1 * interval '1 hour'`,
        [hours]
      )
    ).rows,
  reminded: id => postgres.query('UPDATE bookings SET reminded = true WHERE id = $1', [id])
}
