"""What must hold before anything is prepared."""

from pyinfra import host, state
from pyinfra.api.exceptions import PyinfraError

from roles.hostprogram.commit import COMMIT

# What the command itself adds to the checked settings: who, why, what it asked of the other hosts,
# what it resolved the revision to, and how SSH gets there.
ADDED_BY_THE_COMMAND = frozenset(
    {
        "rollout_id",
        "operator",
        "reason",
        "released",
        "others_answered",
        "resolved_commit",
        "claimed_commit",
    }
)
CONNECTION_PREFIX = "ssh_"


def checked_settings() -> None:
    """Refuse a host whose settings were not checked, and settings that went around the check.

    Only ``inventory/ENVIRONMENT.py`` hands hosts over as they were validated. A host named on
    pyinfra's command line has no settings, and ``--data`` would replace a checked one.
    """
    if not host.data.get("environment"):
        raise PyinfraError(
            f"{host.name} does not come from an environment, so its settings were not checked.\n"
            f"  → pyinfra inventory/ENVIRONMENT.py deploy.py --limit HOST"
        )
    for name in ("resolved_commit", "claimed_commit"):
        commit = host.data.get(name)
        if commit and not COMMIT.fullmatch(str(commit)):
            raise PyinfraError(
                f"--data {name}={commit} is not a commit of 40 hexadecimal digits.\n"
                f"  → set service_revision in group_vars/{host.data.environment}/"
            )
    given = set(state.inventory.get_override_data()) - ADDED_BY_THE_COMMAND
    unchecked = sorted(name for name in given if not name.startswith(CONNECTION_PREFIX))
    if unchecked:
        raise PyinfraError(
            f"--data {', '.join(unchecked)} would go around the check of the settings.\n"
            f"  → set it in group_vars/{host.data.environment}/"
        )


def one_active_host() -> None:
    """Refuse more than one active host.

    Plain pyinfra runs each step on all hosts before the next one: *stop* ran on three hosts before
    the first health gate, and after one had failed, *remove* went on elsewhere (docs/facts.md section 5,
    "Two phases"). Order and batches are the command's.
    """
    active = sorted(active_host.name for active_host in state.inventory.get_active_hosts())
    if len(active) > 1:
        raise PyinfraError(
            f"{len(active)} hosts are active ({', '.join(active)}), and one at a time is safe.\n"
            f"  → rollout apply {host.data.environment}\n"
            f"  → pyinfra inventory/{host.data.environment}.py deploy.py --limit {active[0]}"
        )
