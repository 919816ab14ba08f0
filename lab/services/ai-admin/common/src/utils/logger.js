const winston = require('winston')

const { combine, colorize, errors, printf, timestamp } = winston.format
const production = process.env.NODE_ENV === 'production'

const line = printf(({ timestamp, level, message, stack }) => `${timestamp} [${level}]: ${stack || message}`)

/** One logger for every app; what it is like is decided when this file is first required. */
module.exports = winston.createLogger({
  level: process.env.LOG_LEVEL || (production ? 'info' : 'debug'),
  format: combine(errors({ stack: true }), timestamp({ format: 'YYYY-MM-DD HH:mm:ss' }), line),
  transports: [
    new winston.transports.Console(
      production ? {} : { format: combine(colorize(), timestamp({ format: 'HH:mm:ss' }), line) }
    )
  ]
})
