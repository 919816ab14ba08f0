"""The steps of a rollout that the host program takes, and how people and reports name them. Plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step that the host program decides on and takes."""

    title: str  # the operation's name, by which its result is found
    command: str  # of the host program; both it and its check read the plan on standard input
    # the read-only command that tells whether there is anything to do; ``command --check``
    check: str = ""

    @property
    def question(self) -> str:
        """The subcommand by which the answer of its check is found."""
        return self.check or self.command


MIGRATE = Step("Migrate the schema", "store migrate deploy", "store migrate plan")
STAGE_SETTINGS = Step("Stage the next .env", "env")
SWITCH = Step("Switch the service", "switch", "preflight")
ARCHIVE = Step("Archive the legacy directories", "archive")
REMOVE = Step("Remove the legacy directories that are due", "remove")
PRUNE = Step("Remove old releases", "prune")
STEPS = {step.title: step for step in (MIGRATE, STAGE_SETTINGS, SWITCH, ARCHIVE, REMOVE, PRUNE)}
