import pino from 'pino'

/**
 * The service's loggers: one JSON object a line on standard output.
 *
 * `log` follows LOG_LEVEL. `announce` does not: operators and health gates look for the start-up
 * lines, so LOG_LEVEL=error must not hide them.
 *
 * @param {string} level a level of pino
 */
export function createLoggers(level) {
  if (level !== 'silent' && !(level in pino.levels.values)) {
    throw new Error(
      `LOG_LEVEL is "${level}": use one of ${Object.keys(pino.levels.values).join(', ')}, silent`
    )
  }
  const log = pino({ level, base: undefined })
  return { log, announce: log.child({}, { level: 'info' }) }
}
