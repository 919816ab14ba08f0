const DAY_MS = 24 * 60 * 60 * 1000
const SHORT_LIVED = new Set(['lid-mapping', 'pre-key', 'session', 'sender-key'])

/** When a key that is written now may be cleaned up. */
const expiresAt = type => new Date(Date.now() + (SHORT_LIVED.has(type) ? 7 : 14) * DAY_MS)

module.exports = { expiresAt }
