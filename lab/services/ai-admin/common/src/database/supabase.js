// The little of Supabase's REST interface that is needed here.
async function request(method, table, { filters = {}, body, prefer, select } = {}) {
  const url = new URL(`/rest/v1/${table}`, process.env.SUPABASE_URL)
  for (const [column, condition] of Object.entries(filters)) {
    url.searchParams.set(column, condition)
  }
  if (select) {
    url.searchParams.set('select', select)
  }
  const key = process.env.SUPABASE_KEY
  const answer = await fetch(url, {
    method,
    headers: {
      apikey: key,
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(prefer && { prefer })
    },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(10_000)
  })
  if (!answer.ok) {
    throw new Error(`Supabase: ${method} ${table}: ${answer.status} ${await answer.text()}`)
  }
  return method === 'GET' ? answer.json() : null
}

const select = (table, columns, filters) => request('GET', table, { select: columns, filters })
const remove = (table, filters) => request('DELETE', table, { filters })
const upsert = (table, rows) =>
  request('POST', table, { body: rows, prefer: 'resolution=merge-duplicates' })

module.exports = { select, remove, upsert }
