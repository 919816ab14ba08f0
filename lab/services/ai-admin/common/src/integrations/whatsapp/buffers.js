// What came back from JSON: Buffers are spelled in base64 by Baileys, and as arrays of integers by
// JSON.stringify.
function reviveBuffers(value) {
  if (value === null || typeof value !== 'object') {
    return value
  }
  if (Array.isArray(value)) {
    return value.map(reviveBuffers)
  }
  if (value.type === 'Buffer' && (typeof value.data === 'string' || Array.isArray(value.data))) {
    return typeof value.data === 'string' ? Buffer.from(value.data, 'base64') : Buffer.from(value.data)
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, reviveBuffers(inner)]))
}

module.exports = { reviveBuffers }
