const { Pool } = require('pg')
const logger = require('../utils/logger')

let pool

function connect() {
  const env = process.env
  pool = new Pool({
    host: env.POSTGRES_HOST || 'localhost',
    port: Number(env.POSTGRES_PORT || 5432),
    database: env.POSTGRES_DATABASE,
    user: env.POSTGRES_USER,
    password: env.POSTGRES_PASSWORD,
    max: Number(env.POSTGRES_MAX_CONNECTIONS || 3),
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    ssl: env.POSTGRES_SSL === 'true' ? { rejectUnauthorized: false } : false
  })
  let announced = false
  pool.on('connect', () => {
    if (!announced) {
      announced = true
      logger.info('✅ Connected to production PostgreSQL')
    }
  })
  pool.on('error', error => logger.error(`❌ PostgreSQL connection lost: ${error.message}`))
}

/** One pool a process, made when it is first needed. */
async function query(text, values) {
  if (!pool) {
    connect()
  }
  return pool.query(text, values)
}

async function close() {
  await pool?.end()
  pool = undefined
}

module.exports = { query, close }
