"""The lab's profiles, and bringing the hosts into one: built once, back in seconds after that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab import progress
from lab.checkout import identity, owner
from lab.fleet import fleet, hosts
from lab.machine.remote import Host
from lab.place import LabError, Place
from lab.profiles import bare, cleaned_by_hand, misfiled, on_database, service_build
from lab.profiles.ai_admin import moved, on_files
from lab.profiles.profile import Profile, content_key

_LAB = Path(__file__).resolve().parent.parent
_SERVICE = (
    *(f"service/{part}" for part in ("common", "new", "old", "scripts", "tools")),
    *("profiles/service_build.py", "profiles/service_install.py", "profiles/service_repository.py"),
)

ON_FILES = Profile(
    name="on-files",
    summary="the old version on session files, as before the clean-up (docs/facts.md section 1)",
    build=service_build.build,
    made_by=_SERVICE,
)

SEVERAL = Profile(
    name="several",
    summary="the same on two service hosts, Debian 13 and 12, a company each (lab-several)",
    build=service_build.build,
    made_by=_SERVICE,
    environment="lab-several",
)

FIVE = Profile(
    name="five",
    summary="the same on five service hosts, four Debian 13 and one 12, a company each (lab-five)",
    build=service_build.build,
    made_by=_SERVICE,
    environment="lab-five",
)

ON_DATABASE = Profile(
    name="on-database",
    summary="the old version in its checkout, eleven days on PostgreSQL, old directories left",
    build=on_database.build,
    made_by=("service/aged", "profiles/database_by_hand.py", "profiles/on_database.py"),
    on=ON_FILES,
    holds_secrets=True,
)

CLEANED_BY_HAND = Profile(
    name="cleaned-by-hand",
    summary="the new version on PostgreSQL, directories deleted by hand, no archive, no record",
    build=cleaned_by_hand.build,
    made_by=("profiles/cleaned_by_hand.py",),
    on=ON_DATABASE,
    holds_secrets=True,
)
BARE = Profile(
    name="bare",
    summary="servers as they are delivered: nothing on them, no session anywhere",
    build=bare.build,
    made_by=(
        "service/common",
        "service/new",
        "service/old",
        "profiles/service_repository.py",
        "profiles/bare.py",
    ),
    images={"service": "plain", "database": "plain"},
)
MISFILED = Profile(
    name="misfiled",
    summary="on PostgreSQL by an importer that split file names at the first dash",
    build=misfiled.build,
    made_by=(
        "service/aged",
        "profiles/database_by_hand.py",
        "profiles/on_database.py",
        "profiles/misfiled.py",
    ),
    on=ON_FILES,
    holds_secrets=True,
)

AI_ADMIN_ON_FILES = Profile(
    name="ai-admin-on-files",
    summary="ai-admin under root's PM2, on session files, among nine apps that share its checkout",
    build=on_files.build,
    made_by=(
        "services/ai-admin",
        "services/whatsapp",
        "service/tools",
        "profiles/ai_admin",
        "profiles/database_by_hand.py",
        "profiles/service_install.py",
        "profiles/service_repository.py",
    ),
    holds_secrets=True,
)

AI_ADMIN_ON_SUPABASE = Profile(
    name="ai-admin-on-supabase",
    summary="the same on Supabase, because no flag says otherwise; stale files and empty tables",
    build=moved.to_supabase,
    made_by=("service/aged", "services/supabase"),
    on=AI_ADMIN_ON_FILES,
    holds_secrets=True,
)

AI_ADMIN_ON_DATABASE = Profile(
    name="ai-admin-on-database",
    summary="the same eleven days on PostgreSQL: integer Buffers, keys about to be cleaned up",
    build=moved.to_database,
    made_by=("service/aged", "profiles/on_database.py"),
    on=AI_ADMIN_ON_FILES,
    holds_secrets=True,
)

AI_ADMIN_RENAMED = Profile(
    name="ai-admin-renamed",
    summary="the same, its rows renamed to company_962302",
    build=moved.rename,
    made_by=(),
    on=AI_ADMIN_ON_DATABASE,
    holds_secrets=True,
)

_ALL = (
    *(ON_FILES, SEVERAL, FIVE, ON_DATABASE, CLEANED_BY_HAND, BARE, MISFILED),
    *(AI_ADMIN_ON_FILES, AI_ADMIN_ON_SUPABASE, AI_ADMIN_ON_DATABASE, AI_ADMIN_RENAMED),
)
PROFILES = {profile.name: profile for profile in _ALL}


def named(name: str) -> Profile:
    """A profile by its name.

    Raises:
        LabError: there is none of that name.
    """
    if name not in PROFILES:
        raise LabError(f"there is no profile {name!r}; there are: {', '.join(PROFILES)}")
    return PROFILES[name]


def up(name: str, *, take_over: bool = True, place: Place = hosts.HERE) -> None:
    """Bring every host up, and hosts that are still clean into a profile; others stay as they are.

    Args:
        name: of the profile.
        take_over: end another checkout's lab if nobody is using it.
        place: which lab.

    Raises:
        LabError: a host does not boot, or the profile could not be built.
    """
    profile = named(name)
    before = owner.read(place)
    place = _place_of(profile, place)
    hosts.up(take_over=take_over, place=place)
    record = owner.read(place)
    moved = before is not None and before.environment != profile.environment
    if record is None or record.snapshot is None or moved:
        reset(name, place=place)


def reset(name: str, *, place: Place = hosts.HERE) -> None:
    """Bring the hosts into a profile: from its snapshot, or by building it first.

    Args:
        name: of the profile.
        place: which lab.

    Raises:
        LabError: unknown profile, or it could not be built.
    """
    profile = named(name)
    place = _place_of(profile, place)
    if hosts.has_snapshot(profile.name, _key(profile, place), place=place):
        hosts.reset(profile.name, _key(profile, place), place=place)
        return
    if profile.on:
        reset(profile.on.name, place=place)
    else:
        hosts.reset(place=place)
    with progress.step(f"building profile {profile.name} (once a version of it)"):
        profile.build([Host(place, spec) for spec in fleet.declared(place)])
    hosts.snapshot(profile.name, _key(profile, place), place=place)


def _key(profile: Profile, place: Place) -> str:
    seeded = [f"{spec.name} {' '.join(spec.companies)}" for spec in fleet.declared(place)]
    return ", ".join([content_key(_LAB, profile, identity.lab_id(place)), *seeded])


def _place_of(profile: Profile, place: Place) -> Place:
    return replace(place, images=profile.images, environment=profile.environment)
