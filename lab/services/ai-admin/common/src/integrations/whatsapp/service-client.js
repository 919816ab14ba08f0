// How the other apps reach the one that holds the session.
const BASE = `http://127.0.0.1:${process.env.BAILEYS_PORT || 3003}`

async function call(method, path, body) {
  const answer = await fetch(BASE + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(10_000)
  })
  return answer.json()
}

module.exports = {
  health: () => call('GET', '/health'),
  send: (phone, message) => call('POST', '/send', { phone, message })
}
