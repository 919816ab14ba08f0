"""What a service's .env calls what a rollout knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hostswitch.description.description import Names


def companies_of(names: Names, values: Mapping[str, str]) -> list[str]:
    """The companies that an environment names."""
    text = values.get(names.companies or names.company or "", "")
    return [one.strip() for one in text.split(",") if one.strip()]


def database_of(names: Names) -> dict[str, str]:
    """Name in the .env -> the setting of a plan's database that it holds."""
    pairs = {
        names.database_host: "host",
        names.database_port: "port",
        names.database_name: "dbname",
        names.database_user: "user",
        names.database_password: "password",
    }
    return {name: key for name, key in pairs.items() if name}
