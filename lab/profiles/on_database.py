"""Profile `on-database`: the old version, in its in-place checkout, eleven days on PostgreSQL.

Built on `on-files`: its keys are moved through the service's own authentication states, then
Baileys lives on them; the live directory is emptied by hand, the old copies stay.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from lab.machine.remote import Host
from lab.place import LabError
from lab.profiles import database_by_hand
from lab.profiles.database_by_hand import AUTHORITY, run_sql
from lab.profiles.profile import host_of
from lab.profiles.service_build import AsRoot
from lab.profiles.service_install import (
    APP_DIR,
    COMPANY,
    PEER_DIR,
    PM2_APP,
    USER,
    WAIT_FOR_STATUS,
    as_user,
    unpack,
)
from lab.profiles.service_repository import SOURCES

AGED_DIR = "/srv/lab-aged"
LIVE = f"{APP_DIR}/baileys_sessions"
# A day of the library's life took a second or two: it is spread over a day of the past. The rows'
# own triggers would set updated_at to now, so they are off meanwhile.
SPREAD = """
SET session_replication_role = replica;
CREATE TEMP TABLE days AS
    SELECT number, (span ->> 0)::timestamptz AS began, (span ->> 1)::timestamptz AS ended
      FROM jsonb_array_elements('%s'::jsonb) WITH ORDINALITY AS day (span, number);
CREATE FUNCTION pg_temp.shifted(moment timestamptz) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT coalesce(
        (SELECT date_trunc('day', now()) - (12 - number) * interval '1 day' + interval '8 hours'
                + (moment - began) / greatest(extract(epoch FROM ended - began), 1) * 36000
           FROM days WHERE moment BETWEEN began AND ended),
        date_trunc('day', now()) - interval '12 days')
$$;
UPDATE whatsapp_keys
   SET created_at = pg_temp.shifted(created_at), updated_at = pg_temp.shifted(updated_at);
UPDATE whatsapp_auth
   SET created_at = pg_temp.shifted(created_at), updated_at = pg_temp.shifted(updated_at);
SELECT count(DISTINCT updated_at::date) FROM whatsapp_keys;
"""


def build(hosts: Sequence[Host]) -> None:
    """Bring hosts in profile `on-files` to `on-database`.

    Params:
        hosts: all of them.
    Raises:
        LabError: a step failed, or the service does not run on PostgreSQL at the end.
    """
    service, database = AsRoot(host_of(hosts, "service")), host_of(hosts, "database")
    as_user(service, f"pm2 stop {PM2_APP}")
    switch_to_postgres(service, database)
    as_user(service, "node src/migrate.js")
    unpack(service, SOURCES / "aged", AGED_DIR)
    as_user(service, f"node {AGED_DIR}/move-to-postgres.mjs {PEER_DIR}/keys.json")
    lived = json.loads(as_user(service, f"node {AGED_DIR}/live.mjs {PEER_DIR}/peer.json"))
    if not lived["moved"]:
        raise LabError("no session moved to its LID in eleven days")
    run_sql(database, SPREAD % json.dumps(lived["days"]))
    empty_the_live_directory(service)
    start(service)


def switch_to_postgres(service: AsRoot, database: Host) -> None:
    """Set PostgreSQL up by hand, and the flag and settings in the service's `.env`."""
    access = database_by_hand.prepare(database)
    service.run(f"cat > {AUTHORITY}", access.authority.encode())
    env = f"{APP_DIR}/.env"
    service.run(f"sed -i 's/^USE_REPOSITORY_PATTERN=.*/USE_REPOSITORY_PATTERN=true/' {env}")
    service.run(f"cat >> {env}", f"\n{access.lines}POSTGRES_SSL_CA={AUTHORITY}\n".encode())
    # sed has made the file anew.
    service.run(f"chown {USER}: {env} && chmod 600 {env}")


def empty_the_live_directory(service: AsRoot) -> None:
    """What was done by hand after the move: the directory itself was left."""
    service.run(f"rm -r {LIVE}/company_{COMPANY}")


def start(service: AsRoot) -> None:
    """Start the service again and see that it runs on PostgreSQL.

    Raises:
        LabError: it does not.
    """
    as_user(service, f"pm2 start {PM2_APP} && pm2 save")
    status = json.loads(service.run("python3 -", WAIT_FOR_STATUS.encode()))
    company = status["companies"][COMPANY]
    if (status["provider"], company["credentials"], company["keys"] > 0) != (
        "postgres",
        True,
        True,
    ):
        raise LabError(f"the service should run on its keys from PostgreSQL, but: {status}")
