"""What the server's catalogue says of the tables' standing. PostgreSQL 13 and up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import LiteralString

#: What a trigger's source is read without: comments. Strings are matched to be kept, so that none
#: of them hides code between signs of a comment.
COMMENTS = r"('[^'\\]*')|--[^\n\r]*|/\*(?:[^*]|\*+[^*/])*\*+/"
_NOW = (
    r"\(?(?:(?:now|transaction_timestamp|statement_timestamp|clock_timestamp) ?\(\)"
    r"|current_timestamp(?: ?\(\d\))?|timezone ?\('utc'(?:::text)?, ?now ?\(\)\))"
    r"(?: at time zone 'utc')?\)?"
)
#: A trigger may do anything; two things are known to be harmless. This one, on every row … (COLUMNS
#: are a layout's: those of a time here, those of a company and a key there)
TOUCH = (
    r"^begin (?:if new(?:\.\*)? is distinct from old(?:\.\*)? then )?"
    rf"new\.\"?(?:COLUMNS)\"? ?:?= ?{_NOW} ?;(?: end if ?;)? ?return new ?; ?end ?;?$"
)
#: … and that one, afterwards: telling of a row. Not of its value: too long a message is an error, and
#: the row would not be written.
NOTIFY = (
    r"^begin perform pg_notify ?\((?:'[^'\\]*'|(?:new|old)\.\"?(?:COLUMNS)\"?|tg_op"
    r"|tg_table_name|::text|\|\||[ ,]|jsonb?_build_object ?\(|concat ?\(|coalesce ?\(|\))+;"
    r" ?return (?:new|old|null|coalesce ?\(new, ?old\)) ?; ?end ?;?$"
)

#: One row a shortcoming: what is so, and the way on. Everything is asked of the partitions too.
#: One of NULL: pg_cron is there, and its jobs want a look.
FACTS: LiteralString = r"""
WITH RECURSIVE named AS (
    SELECT name, format('%%I.%%I', schema, name) AS shown,
           to_regclass(format('%%I.%%I', schema, name)) AS it, read
      FROM jsonb_to_recordset(%(tables)s) AS given (schema text, name text, read boolean)
), columns AS (
    SELECT * FROM jsonb_to_recordset(%(columns)s) AS given (name text, attname text, wanted text)
), parts AS (
    SELECT it::oid AS oid, name, shown, read, false AS below FROM named WHERE it IS NOT NULL
    UNION
    SELECT inhrelid, name, format('%%s', inhrelid::regclass), read, true
      FROM parts JOIN pg_inherits ON inhparent = oid
), tables AS (
    SELECT parts.*, relkind, relpersistence, relrowsecurity, relispartition
      FROM parts JOIN pg_class USING (oid)
), me AS (
    SELECT oid, rolsuper FROM pg_roles WHERE rolname = current_user
)
SELECT 'the server is a standby: it may be behind, and is not what the service writes to',
       'Name the primary in the plan''s database'
 WHERE pg_is_in_recovery()
UNION ALL
SELECT format('%%s is %%s for this role: the service can''t write, or no trigger fires',
              name, reset_val),
       format('ALTER ROLE … RESET %%s; or the same for the database or the server', name)
  FROM pg_settings
 WHERE (name, reset_val) = ('default_transaction_read_only', 'on')
    OR (name = 'session_replication_role' AND reset_val <> 'origin')
UNION ALL
SELECT format('the role %%s may not %%s %%s: the service, whose role this has to be, can''t go on there',
              current_user, string_agg(act, ', '), shown),
       format('GRANT %%s ON %%s TO %%I; or name the service''s role in the plan''s database',
              string_agg(act, ', '), shown, current_user)
  FROM named, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS act
 WHERE read AND it IS NOT NULL AND NOT has_table_privilege(it::oid, act)
 GROUP BY shown
UNION ALL
SELECT format('%%s of %%s is %%s, not %%s: the service reads or writes something else there than'
              ' was compared', attname, shown,
              CASE WHEN attgenerated = '' THEN format_type(atttypid, NULL) ELSE 'generated' END, wanted),
       'Name the database in which the service''s own tables are; or migrate plan'
  FROM tables JOIN columns USING (name) JOIN pg_attribute USING (attname)
  JOIN pg_type t ON t.oid = atttypid
 WHERE attrelid = tables.oid AND read AND wanted <> 'key' AND NOT attisdropped
   AND (attgenerated <> '' OR wanted::regtype NOT IN (t.oid, typbasetype))
UNION ALL
SELECT format('%%s of %%s is %%s, not text: ids come back padded, or two count as one', attname, shown,
              format_type(atttypid, atttypmod)),
       format('ALTER TABLE %%s ALTER %%I TYPE text', shown, attname)
  FROM tables JOIN columns USING (name) JOIN pg_attribute USING (attname)
 WHERE attrelid = oid AND read AND wanted = 'key' AND NOT attisdropped
   AND atttypid NOT IN ('text'::regtype, 'varchar'::regtype)
UNION ALL
SELECT format('a transaction of process %%s is open since %%s and has written to %%s: what it wrote or'
              ' deleted comes with its commit', pid, xact_start, string_agg(DISTINCT shown, ', ')),
       format('Wait for its end; or SELECT pg_terminate_backend(%%s)', pid)
  FROM pg_locks JOIN pg_stat_activity USING (pid) JOIN tables ON relation = oid
 WHERE mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock') AND granted
   AND pid <> pg_backend_pid() AND xact_start < clock_timestamp() - interval '1 s' * %(open)s
   AND read
 GROUP BY pid, xact_start
UNION ALL
SELECT format('the server runs with %%s = off: a crash may lose or tear what was committed', name),
       format('ALTER SYSTEM SET %%s = on; SELECT pg_reload_conf()', name)
  FROM unnest(ARRAY['fsync', 'full_page_writes']) AS name
 WHERE current_setting(name) = 'off'
UNION ALL
SELECT format('%%s does not exist', shown), 'Is it the right database? If so: migrate deploy'
  FROM named WHERE it IS NULL
UNION ALL
SELECT format('%%s is %%s', shown,
              CASE relkind WHEN 'v' THEN 'a view: what it shows is another one''s'
                           WHEN 'm' THEN 'a materialized view: as old as its last refresh'
                           WHEN 'f' THEN 'a foreign table: its rows are on another server'
                           ELSE 'no table' END),
       'Name the database in which the service''s own tables are'
  FROM tables WHERE relkind NOT IN ('r', 'p')
UNION ALL
SELECT format('%%s is %%s', shown,
              CASE relpersistence WHEN 'u' THEN 'UNLOGGED: a crash empties it'
                                  ELSE 'a temporary table: it goes with its session' END),
       CASE relpersistence WHEN 'u' THEN format('ALTER TABLE %%s SET LOGGED', shown)
                           ELSE format('DROP TABLE %%s; then migrate deploy', shown) END
  FROM tables WHERE relpersistence <> 'p'
UNION ALL
SELECT format('%%s inherits into the table: its rows are shown twice, under no key', shown),
       'Take it out: ALTER TABLE … NO INHERIT …'
  FROM tables WHERE below AND NOT relispartition
UNION ALL
SELECT format('%%s has no primary key over %%s: a key may be there twice', shown,
              array_to_string(cols, ', ')),
       format('ALTER TABLE %%s ADD PRIMARY KEY (%%s), once no row is there twice', shown,
              array_to_string(cols, ', '))
  FROM tables
  JOIN jsonb_to_recordset(%(keys)s) AS keys (name text, cols text[]) USING (name)
 WHERE read AND NOT below AND NOT EXISTS (
       SELECT FROM pg_index i
        WHERE i.indrelid = tables.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
          AND i.indpred IS NULL
          AND cols = (SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE "C")
                        FROM pg_attribute a
                       WHERE a.attrelid = i.indrelid AND a.attnotnull
                         AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
UNION ALL
SELECT format('row level security of %%s hides rows from some, or keeps them from writing: no policy of'
              ' this role, or of all, is for everything and USING (true)', shown),
       format('CREATE POLICY every_row ON %%s USING (true) WITH CHECK (true), without a restrictive'
              ' one beside it; or ALTER TABLE %%s DISABLE ROW LEVEL SECURITY', shown, shown)
  FROM tables
 WHERE relrowsecurity AND (
       EXISTS (
           SELECT FROM unnest(ARRAY['r', 'a', 'w', 'd']::"char"[]) AS act
            WHERE NOT EXISTS (
                  SELECT FROM pg_policy, me
                   WHERE polrelid = tables.oid AND polpermissive AND polcmd IN (act, '*')
                     AND coalesce(pg_get_expr(polqual, polrelid), 'true') = 'true'
                     AND coalesce(pg_get_expr(polwithcheck, polrelid), 'true') = 'true'
                     AND EXISTS (SELECT FROM unnest(polroles) AS role
                                  WHERE role IN (0, me.oid)
                                     OR (NOT me.rolsuper AND pg_has_role(role, 'USAGE')))))
    OR EXISTS (
           SELECT FROM pg_policy
            WHERE polrelid = tables.oid AND NOT polpermissive
              AND 'true' <> ANY (ARRAY[pg_get_expr(polqual, polrelid),
                                       pg_get_expr(polwithcheck, polrelid)])))
UNION ALL
SELECT format('the rule %%s of %%s puts another statement in the place of the service''s', rulename, shown),
       format('DROP RULE %%I ON %%s', rulename, shown)
  FROM tables JOIN pg_rewrite ON ev_class = tables.oid
 WHERE relkind IN ('r', 'p') AND ev_enabled <> 'D'
UNION ALL
SELECT format('the trigger %%s of %%s runs %%s(): it may change, expire or delete rows; only one that'
              ' does nothing but set updated_at, or pg_notify afterwards, is known not to',
              tgname, shown, p.proname),
       format('Read it. Where nothing needs it, or for as long as this takes: ALTER TABLE %%s'
              ' DISABLE TRIGGER %%I', shown, tgname)
  FROM tables JOIN pg_trigger ON tgrelid = tables.oid
  JOIN pg_proc p ON p.oid = tgfoid JOIN pg_language l ON l.oid = p.prolang
 WHERE NOT tgisinternal AND tgenabled <> 'D'
   -- Before a delete NEW is null, and null keeps the row. What is set in it lets the delete go on
   -- (seen in PostgreSQL 18), but nothing documents that.
   AND NOT (l.lanname = 'plpgsql' AND (tgtype & 8 = 0 OR tgtype & 66 = 0)
            AND trim(regexp_replace(regexp_replace(
            p.prosrc, %(comments)s, '\1', 'g'), '\s+', ' ', 'g'))
            ~* CASE WHEN tgtype & 66 = 0 THEN %(after)s ELSE %(touch)s END)
   -- An error but before the update of a row.
   AND NOT (l.lanname = 'c' AND p.probin ~ '(^|/)moddatetime$' AND tgtype = 19
            AND encode(tgargs, 'escape') = ANY(%(touched)s))
UNION ALL
SELECT format('%%s of %%s has a default: rows expire by themselves', attname, shown),
       format('ALTER TABLE %%s ALTER %%I DROP DEFAULT', shown, attname)
  FROM tables JOIN pg_attribute ON attrelid = oid
 WHERE read AND attname = %(expires)s AND NOT attisdropped AND atthasdef
UNION ALL
SELECT format('the prepared transaction %%L holds locks on %%s: what it wrote or deleted comes with its'
              ' commit', gid, string_agg(DISTINCT shown, ', ')),
       format('COMMIT PREPARED %%L; or ROLLBACK PREPARED %%L', gid, gid)
  FROM pg_prepared_xacts x
  -- By the lock on its own number: virtualtransaction was '-1/NUMBER', and no longer is in 18.
  JOIN pg_locks own ON own.transactionid = transaction AND own.pid IS NULL
  JOIN pg_locks held ON held.pid IS NULL AND held.virtualtransaction = own.virtualtransaction
  JOIN tables ON held.relation = tables.oid
 WHERE x.database = current_database()
 GROUP BY gid
UNION ALL
SELECT NULL, NULL
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE nspname = 'cron' AND relname = 'job'
UNION ALL
SELECT format('%%s is filled by a logical subscription: it may be behind, and is not what the service'
              ' writes to', shown),
       'Name the publisher''s database in the plan'
  FROM tables JOIN pg_subscription_rel ON srrelid = oid
 WHERE read
"""

# By a search_path that may hold anything, so the one function has its schema before it.
SEEN_BY_ROLE: LiteralString = """
SELECT relname, nspname
  FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS name
  JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=)
       pg_catalog.to_regclass(pg_catalog.quote_ident(name))::pg_catalog.oid
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) relnamespace
"""

EXPIRING: LiteralString = """
SELECT format('company %%s: %%s of its keys expire, the first at %%s: %%s. An expiry is a deletion to come:'
              ' end the service''s expiry and its clean-up, then UPDATE %%I.%%I SET'
              ' %%I = NULL WHERE %%I = %%L',
              company_id, count(*), min(expires_at),
              (array_agg(key_type || ' ' || key_id ORDER BY expires_at))[1], %(its_schema)s::text,
              %(keys)s::text, %(expires)s::text, %(company)s::text, company_id)
  FROM {keys} WHERE company_id = ANY(%(ids)s) AND expires_at IS NOT NULL GROUP BY company_id
UNION ALL
SELECT format('the credentials of company %%s have %%s %%s: the service may take them for gone, and a'
              ' clean-up delete them. If they are not: UPDATE %%I.%%I SET %%I = NULL WHERE'
              ' %%I = %%L', company_id, mark, at, %(its_schema)s::text, %(credentials)s::text, mark,
              %(company)s::text, company_id)
  FROM {credentials}, jsonb_each_text(marks) AS marked (mark, at)
 WHERE company_id = ANY(%(ids)s) AND mark IN ('expires_at', 'deleted_at') AND at IS NOT NULL
"""

OTHER_SPELLING: LiteralString = """
SELECT format('the database has rows of %%s %%L besides those of %%s: the service may be on'
              ' those. Look which it writes; the others go by: DELETE FROM %%I.%%I WHERE'
              ' %%I = %%L; then the same of %%I', %(company)s::text, other, its, %(its_schema)s::text,
              %(keys)s::text, %(company)s::text, other, %(credentials)s::text)
  FROM unnest(%(its)s::text[], %(other)s::text[]) AS spelled (its, other)
 WHERE EXISTS (SELECT FROM {keys} WHERE company_id = other)
    OR EXISTS (SELECT FROM {credentials} WHERE company_id = other)
"""

STORED_ELSEWHERE: LiteralString = """
SELECT format('company %%s was imported into another cluster, database or table than this (%%s; this is'
              ' %%s). If the service runs on this one and no longer on that: UPDATE %%s.whatsapp_imports'
              ' SET stored_in = %%L WHERE company_id = %%L AND state <> ''withdrawn''',
              company_id, coalesce(stored_in, 'not on record'), here, %(schema)s::text, here, company_id)
  FROM whatsapp_imports, CAST(%(here)s AS text) AS here
 WHERE company_id = ANY(%(ids)s) AND state <> 'withdrawn' AND stored_in IS DISTINCT FROM here
"""

MAY_ASK: LiteralString = """
SELECT has_function_privilege('pg_control_system()', 'EXECUTE')
   AND has_function_privilege('pg_control_checkpoint()', 'EXECUTE')
   AND has_function_privilege('pg_control_recovery()', 'EXECUTE')
"""
# From its promotion to the checkpoint that ends it (minutes) a server's last one is the old timeline's.
CLUSTER: LiteralString = """
SELECT concat_ws('.', system_identifier, greatest(timeline_id, min_recovery_end_timeline))
  FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()
"""
HERE: LiteralString = """
SELECT concat_ws('/', %s::text, oid, to_regclass(%s)::oid, to_regclass(%s)::oid)
  FROM pg_database WHERE datname = current_database()
"""

# A copy or a history has no key over what names a row: a service could not write to it as it does here.
ELSEWHERE: LiteralString = """
SELECT nspname, relname, has_table_privilege(c.oid, 'SELECT'), names[1] AS holds, names[2] AS company
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  JOIN (SELECT %(keys)s::text[] UNION SELECT %(credentials)s::text[]) AS layouts (names)
    ON names <@ (SELECT array_agg(attname::text) FROM pg_attribute
                  WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
 WHERE relkind IN ('r', 'p', 'f') AND NOT relispartition
   AND nspname !~ '^(pg_|information_schema$)'
   AND NOT EXISTS (SELECT FROM unnest(%(here)s::text[]) AS name WHERE c.oid = to_regclass(name))
   AND (relname = ANY(%(names)s) OR relkind = 'f'
        OR EXISTS (SELECT FROM pg_index i
                    WHERE i.indrelid = c.oid AND i.indisunique
                      AND names[2:] = (SELECT array_agg(attname::text ORDER BY array_position(
                                              names, attname::text), attname)
                                         FROM pg_attribute
                                        WHERE attrelid = c.oid
                                          AND attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))))
 ORDER BY 1, 2
"""
