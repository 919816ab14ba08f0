"""Scripts and cron jobs of the file sessions: taken out of use, never lost."""

from collections.abc import Iterator, Mapping, Sequence

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from roles.shared.files import FileDigests
from roles.shared.shell import Lines, script

# A name that is in the archive already stays there; `mv -n` keeps the newcomer where it is.
ARCHIVE_SCRIPTS = (
    'set -eu; cd "$1"; archive=$2; shift 2; mkdir -p "$archive"; '
    'for name; do mv -n "$name" "$archive/"; chmod a-x "$archive/${name##*/}"; '
    '[ ! -e "$name" ] || { echo "$name: $archive has another file of that name" >&2; exit 1; }; done'
)
# The crontab is kept whole beside the archives before its first line goes. Without -a, grep drops lines that
# are no UTF-8 from what is left, and ends well.
DROP_CRON_LINES = (
    "set -eu; umask 077; user=$1; kept=$2/crontab.$user.$(date -u +%Y%m%dT%H%M%SZ); shift 2; "
    'crontab -l -u "$user" > "$kept"; sync "$kept"; '
    'rest=$(mktemp); trap \'rm -f "$rest"\' EXIT; grep -avF "$@" "$kept" > "$rest" || [ $? -eq 1 ]; '
    'crontab -u "$user" "$rest"'
)


class CrontabLines(Lines):
    """The lines of a user's crontab that hold one of some texts; one without a crontab has none."""

    def command(self, user: str, texts: Sequence[str]) -> StringCommand:
        patterns = [part for text in texts for part in ("-e", QuoteString(text))]
        return StringCommand(
            "crontab -l -u", QuoteString(user), "2>/dev/null | grep -aF", *patterns, "|| true"
        )


@operation()
def scripts_archived(
    app_dir: str, scripts: Sequence[str], archive: str, owner: str
) -> Iterator[StringCommand]:
    """Move retired scripts of the old checkout into the archive, where none can be executed.

    All paths are relative to the checkout, and all is done as its owner.
    """
    paths = {name: f"{app_dir}/{name}" for name in scripts}
    archived = [f"{app_dir}/{archive}/{name.rpartition('/')[2]}" for name in scripts]
    found = host.get_fact(FileDigests, paths=[*paths.values(), *archived], _sudo_user=owner)
    present = [name for name in scripts if paths[name] in found]
    # An archive that came with the checkout may have kept a script's mode.
    executable = [path for path in archived if path in found and is_executable(found[path])]
    if not present and not executable:
        host.noop("no retired script is left")
    if present:
        yield script(ARCHIVE_SCRIPTS, app_dir, archive, *present, _sudo_user=owner)
    if executable:
        yield StringCommand("chmod a-x --", *map(QuoteString, executable), _sudo_user=owner)


def is_executable(file: Mapping[str, str]) -> bool:
    """Whether anybody may run a file, as ``FileDigests`` tells of it."""
    return file["kind"].startswith("regular") and bool(int(file["mode"], 8) & 0o111)


@operation()
def cron_jobs_retired(user: str, texts: Sequence[str], keep_in: str) -> Iterator[StringCommand]:
    """Take the lines that hold one of these texts out of a user's crontab, of which a copy is kept."""
    lines = host.get_fact(CrontabLines, user=user, texts=texts) if texts else []
    if not lines:
        host.noop("no retired cron job is left")
        return
    patterns = [part for text in texts for part in ("-e", text)]
    yield script(DROP_CRON_LINES, user, keep_in, *patterns)
