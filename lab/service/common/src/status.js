import { once } from 'node:events'
import { createServer } from 'node:http'

/**
 * The status endpoint: loopback only, `GET /status`.
 *
 * @param {number} port
 * @param {() => Promise<object>} report what to answer with, measured at each request
 */
export async function startStatusServer(port, report) {
  const server = createServer(async (request, response) => {
    if (request.url !== '/status') {
      return send(response, 404, { error: 'not found' })
    }
    try {
      send(response, 200, await report())
    } catch (error) {
      send(response, 503, { error: error.message })
    }
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function send(response, code, body) {
  response.writeHead(code, { 'content-type': 'application/json', connection: 'close' })
  response.end(`${JSON.stringify(body)}\n`)
}
