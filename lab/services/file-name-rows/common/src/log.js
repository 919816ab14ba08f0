/** One line on standard output; `about` is an account's name, or `desk` for all of them. */
export function log(about, line) {
  console.log(`${new Date().toISOString()} [${about}] ${line}`)
}
