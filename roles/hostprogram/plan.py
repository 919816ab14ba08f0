"""The plan that the host program gets: what is declared, as plain data.

Pure, but for the identity of this run, which is made once.
"""

import getpass
import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

PLAN_VERSION = 1
CONFIG_DIRECTORY = "/etc/baileys-rollout"


@cache
def new_rollout_id() -> str:
    """An id for this run, sortable by time: ``20261122T140000Z-3fa2``."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def text_of(value: Any) -> str:
    """A setting's text; a secret gives itself away here, on its way to standard input."""
    return str(value.reveal()) if hasattr(value, "reveal") else str(value)


def spelled(value: Any) -> str:
    """A flag's value as the ``.env`` holds it."""
    return str(value).lower() if isinstance(value, bool) else text_of(value)


def authority(data: Mapping[str, Any]) -> str:
    """The text of the certificate authority that signed the database's certificate."""
    return str(data["database_ca_certificate"]).rstrip("\n") + "\n"


def authority_file(data: Mapping[str, Any]) -> str:
    """Where it lies on a service host: another one gets another name.

    So the running service's is never written to, and the new one comes with the `.env` that names it.
    """
    digest = hashlib.sha256(authority(data).encode()).hexdigest()
    return f"{CONFIG_DIRECTORY}/database-ca.{digest[:16]}.crt"


def database(data: Mapping[str, Any], role: str) -> dict[str, Any]:
    """Connection settings of a database role, ``owner`` or ``app``; the password is in it."""
    return {
        "host": data["database_host"],
        "port": data["database_port"],
        "dbname": data["database_name"],
        "user": data[f"database_{role}_user"],
        "password": text_of(data[f"database_{role}_password"]),
        "sslmode": "verify-full",
        "sslrootcert": authority_file(data),
        "authority": authority(data),
        "tables": tables(data),
    }


def as_text(data: Mapping[str, Any]) -> bool:
    """Whether the service's rows keep values as text."""
    found = data["service_description"].get("tables") or {}
    return all(found.get(part, {}).get("type") == "text" for part in ("keys", "credentials"))


def tables(data: Mapping[str, Any]) -> dict[str, Any]:
    """The service's tables as its description has them; whose, where no column says it."""
    found = dict(data["service_description"].get("tables") or {})
    parts = [found[name] for name in ("keys", "credentials") if name in found]
    if any("company" not in part for part in parts) and len(data["companies"]) == 1:
        found["only"] = data["companies"][0]
    return found


# What a description has names for, and the settings that it comes from.
SETTING_OF = {
    "database_host": "database_host",
    "database_port": "database_port",
    "database_name": "database_name",
    "database_user": "database_app_user",
    "database_password": "database_app_password",
    "database_ca": "database_ca_certificate",
    "companies": "companies",
    "company": "companies",
    "port": "service_port",
}


def names_of(data: Mapping[str, Any]) -> dict[str, str]:
    """What the service's ``.env`` calls what a rollout knows, by the description's own words for it."""
    return dict(data["service_description"].get("environment", {}))


def own_names(data: Mapping[str, Any]) -> dict[str, str]:
    """Names in the ``.env`` that other settings already give: name to setting."""
    named = names_of(data)
    always = dict.fromkeys(named.pop("always", {}), "service_description")
    return always | {name: SETTING_OF[what] for what, name in named.items() if what in SETTING_OF}


def _own_settings(data: Mapping[str, Any]) -> dict[str, Any]:
    """What every service's ``.env`` holds, from the database's and the service's settings."""
    given = {what: data[setting] for what, setting in SETTING_OF.items()}
    given["database_ca"] = authority_file(data)
    given["companies"] = given["company"] = ",".join(data["companies"])
    named = names_of(data)
    always: Any = named.pop("always", {})
    return {**always, **{name: given[what] for what, name in named.items()}}


def status_url(data: Mapping[str, Any]) -> str | None:
    """Where the service answers; None for a kind that has no endpoint."""
    http = data["service_description"]["signals"].get("http")
    return f"http://127.0.0.1:{data['service_port']}{http['path']}" if http else None


def environment_settings(data: Mapping[str, Any]) -> dict[str, str]:
    """Everything that the service's ``.env`` must hold, NAME to value, secrets included."""
    declared = {
        **_own_settings(data),
        **data["service_settings"],
        **data["service_secrets"],
        **data["flags"],
    }
    return _spelled(declared)


def _spelled(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: spelled(value) for name, value in values.items()}


def secret_names(data: Mapping[str, Any]) -> list[str]:
    """The names in the ``.env`` whose values are never shown."""
    given = {**data["service_settings"], **data["flags"]}
    from_vault = {name for name, value in given.items() if hasattr(value, "reveal")}
    password = names_of(data).get("database_password")
    return sorted({*filter(None, [password]), *data["service_secrets"], *from_vault})


def never_secret(data: Mapping[str, Any]) -> list[str]:
    """The names whose value before may be shown as well: flags and this package's own settings.

    One of ``service_settings`` may have been a secret until this rollout.
    """
    hidden = secret_names(data)
    return sorted({*_own_settings(data), *data["flags"]}.difference(hidden))


def plain_settings(data: Mapping[str, Any]) -> dict[str, str]:
    """What the ``.env`` must hold and anyone may see."""
    hidden = secret_names(data)
    declared = environment_settings(data)
    return {name: value for name, value in declared.items() if name not in hidden}


def environment_plan(data: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of ``baileys-hostswitch env``: the next ``.env`` beside the live one."""
    return {
        "env_live": f"{data['app_dir']}/.env",
        "env_next": f"{data['app_dir']}/.env.next",
        "service_user": data["service_user"],
        "settings": environment_settings(data),
        "secret_names": secret_names(data),
        "never_secret": never_secret(data),
    }


def backup_plan(data: Mapping[str, Any]) -> dict[str, str]:
    """What there is to fall back on before the database or the files are changed."""
    return {"method": data["database_backup"], "reason": data["database_backup_reason"]}


def host_plan(data: Mapping[str, Any], host_name: str, commit: str) -> dict[str, Any]:
    """The plan of ``preflight``, ``switch``, ``archive``, ``remove`` and ``prune`` for a commit.

    ``hostswitch.plan`` validates it; the database password is in it.
    """
    app_dir = data["app_dir"]
    return {
        "version": PLAN_VERSION,
        "rollout_id": data.get("rollout_id") or new_rollout_id(),
        "environment": data["environment"],
        "host": host_name,
        "operator": data.get("operator") or getpass.getuser(),
        "reason": data.get("reason") or "",
        "description": data["service_description"],
        "app_dir": app_dir,
        "service_user": data["service_user"],
        "pm2_home": f"{data['service_home']}/.pm2",
        "service_app": data["service_app"],
        "pm2_apps": {data["service_app"]: data["service_entry"], **data["sibling_apps"]},
        "revision": commit,
        "release": f"{app_dir}/releases/{commit}",
        "entry": data["service_entry"],
        "env_live": f"{app_dir}/.env",
        "env_next": f"{app_dir}/.env.next",
        "flags": plain_settings(data),
        "never_secret": never_secret(data),
        "flags_as_read": _spelled(data["flags_as_read"]),
        "pm2_environment": _spelled(data["pm2_environment"]),
        # A declared secret is in the .env: PM2 need not export it any more.
        "pm2_dropped": sorted({*data["pm2_dropped"], *secret_names(data)}),
        "companies": list(data["companies"]),
        "released": list(data.get("released") or []),
        "others_answered": bool(data.get("others_answered")),
        "legacy_directories": [
            {
                name: entry.get(name)
                for name in ("path", "kind", "acknowledge", "companies", "litter")
            }
            | {"named": data["service_description"].get("directory"), "as_text": as_text(data)}
            for entry in data["legacy_directories"]
        ],
        "database": database(data, "app"),
        "gate": {
            "status_url": status_url(data),
            "limit_seconds": data["gate_limit_seconds"],
            "settle_seconds": data["gate_settle_seconds"],
            "connected": data["gate_connected"],
            "before": data["gate_before"],
        },
        "archive": {
            "directory": data["archive_directory"],
            "recipients": list(data["archive_recipients"]),
            "keep_days": data["archive_keep_days"],
        },
        "backup": backup_plan(data),
        "remove_after_days": data["remove_after_days"],
        "kill_timeout_ms": data["kill_timeout_ms"],
        "minimum_free_mb": data["minimum_free_mb"],
        "releases_kept": data["releases_kept"],
        "alarm_command": list(data["alarm_command"]) or None,
    }


def daily_plan(data: Mapping[str, Any], host_name: str, commit: str) -> dict[str, Any]:
    """The plan of ``daily-check``, which the host keeps: nothing in it is of one rollout."""
    own = {"rollout_id": "daily-check", "operator": "timer", "reason": ""}
    moving = {"released": [], "others_answered": False}
    return {**host_plan(data, host_name, commit), **own, **moving}
