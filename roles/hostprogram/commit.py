"""Which commit is declared, and whether it is staged."""

import re
from collections.abc import Mapping
from typing import Any

from pyinfra import host
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import FactProcessError, PyinfraError
from pyinfra.api.facts import FactBase

from roles.hostprogram.ask import keep, known
from roles.shared.shell import script

# What each host resolved its declared revision to in this process, which is one run.
COMMITS: dict[str, str] = {}
COMMIT = re.compile("[0-9a-f]{40}")
NO_SUCH_REVISION = "the repository has no such revision"

# Answers even where git or the repository is missing: what can't be known yet is said, not guessed.
SCRIPT = r"""
cd /
repository=$1 revision=$2 releases=$3
commit=$(printf %s "$revision" | grep -Ex '[0-9a-f]{40}') || {
  refs=$(GIT_TERMINAL_PROMPT=0 git ls-remote "$repository" \
    "refs/tags/$revision^{}" "refs/tags/$revision" "refs/heads/$revision" 2>&1) || {
    printf '%s\n' "$refs" | head -n 1 | sed 's/^/reason=/'; exit 0; }
  commit=$(printf '%s\n' "$refs" | sort -k2,2r | head -n 1 | cut -f 1)
}
echo "commit=$commit"
[ -n "$commit" ] || exit 0
[ -f "$releases/$commit/REVISION" ] && { echo staged=yes; exit 0; }
[ "$commit" = "$revision" ] || exit 0
# A commit is in no list of names: only asking for it tells whether it is there. No file comes along.
probe=$(mktemp -d) && trap 'rm -rf "$probe"' EXIT && git init --quiet --bare "$probe" || exit 0
GIT_TERMINAL_PROMPT=0 LC_ALL=C timeout 60 git -C "$probe" fetch --quiet --depth=1 --filter=tree:0 \
  "$repository" "$commit" 2>&1 | grep -q 'not our ref' && echo unknown=yes
exit 0
"""


class DeclaredCommit(FactBase[dict[str, Any]]):
    """``commit`` (40 hexadecimal digits or None), ``staged``, and ``reason`` where it is unknown."""

    def command(self, repository: str, revision: str, releases: str) -> StringCommand:
        """Resolved on the host: it is the host that must be able to read the repository."""
        return script(SCRIPT, repository, revision, releases)

    @staticmethod
    def default() -> dict[str, Any]:
        return {"commit": None, "staged": False, "reason": "the host did not answer"}

    def process(self, output: list[str]) -> dict[str, Any]:
        fields = dict(line.split("=", 1) for line in output if "=" in line)
        commit = fields.get("commit", "")
        if commit and not COMMIT.fullmatch(commit):
            raise FactProcessError(f"the host says that the revision is {commit[:80]!r}")
        unknown = not commit or fields.get("unknown") == "yes"
        reason = fields.get("reason") or (NO_SUCH_REVISION if unknown else "")
        return {"commit": commit or None, "staged": fields.get("staged") == "yes", "reason": reason}


def declared_commit() -> dict[str, Any]:
    """The declared revision: ``commit``, ``staged`` and ``reason``, why there is no commit.

    A declared commit is never the host's to say. A tag or a branch is asked of the repository once: one
    that moves in the middle must not have one commit staged and another switched to. What the rollout
    resolved before (``resolved_commit``) stays what it rolls out: nothing else was proven. Where one other
    host alone has said what it is (``claimed_commit``), this one must find the same.
    """
    data = host.data
    resolved = data.get("resolved_commit") or data.service_revision
    wanted = {
        "repository": data.service_repository,
        "revision": COMMITS.get(host.name, resolved),
        "releases": f"{data.app_dir}/releases",
    }
    question = ("commit", *wanted.values())
    answer = known(question) or host.get_fact(
        DeclaredCommit, **wanted, _sudo_user=data.service_user
    )
    keep(question, answer)
    if COMMIT.fullmatch(wanted["revision"]):
        told = NO_SUCH_REVISION if answer["reason"] == NO_SUCH_REVISION else ""
        answer = {**answer, "commit": wanted["revision"], "reason": told}
    _demand_known(answer, wanted, data.get("claimed_commit"))
    if answer["commit"]:
        COMMITS[host.name] = answer["commit"]
        keep(("commit", *{**wanted, "revision": answer["commit"]}.values()), answer)
    return answer


def _demand_known(answer: Mapping[str, Any], wanted: Mapping[str, str], claimed: str) -> None:
    place = f"group_vars/{host.data.environment}/"
    what = f"{host.name}: service_revision {wanted['revision']}"
    if answer["reason"] == NO_SUCH_REVISION:
        raise PyinfraError(
            f"{what} is unknown: {wanted['repository']} has no such tag, branch or commit.\n"
            f"  → set it in {place} (a commit with all its 40 digits)"
        )
    if claimed and answer["commit"] and answer["commit"] != claimed:
        raise PyinfraError(
            f"{what} is {answer['commit']} here, and {claimed} on another host: it moved meanwhile, or one"
            f" of them is not to be trusted.\n  → declare the commit itself in {place}"
        )
