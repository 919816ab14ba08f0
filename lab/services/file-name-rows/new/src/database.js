import 'dotenv/config'
import pg from 'pg'
import { log } from './log.js'

export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
pool.on('error', error => log('desk', `PostgreSQL: ${error.message}`))
