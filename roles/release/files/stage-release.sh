# Stage one commit of the service as releases/COMMIT, complete or not at all; what runs is not touched.
# Runs as the service's user: sh -s APP_DIR REPOSITORY COMMIT ENTRY [PATH THAT IS LEFT OUT…]
set -eu
app_dir=$1 repository=$2 commit=$3 entry=$4
shift 4
# sudo keeps the login user's directory, which the service's user may not read; git and npm stumble there.
cd "$app_dir"
mirror="$app_dir/.repository.git"
partial="$app_dir/releases/.partial-$commit"

fail() { printf 'release %s: %s\n' "$commit" "$1" >&2; exit 1; }

export GIT_TERMINAL_PROMPT=0
if [ -d "$mirror" ]; then
  git -C "$mirror" remote set-url origin "$repository"
  git -C "$mirror" fetch --quiet --force --prune --tags origin '+refs/heads/*:refs/heads/*'
else
  rm -rf "$mirror.new"
  git clone --quiet --bare --no-hardlinks "$repository" "$mirror.new"
  mv "$mirror.new" "$mirror"
fi
git -C "$mirror" cat-file -e "$commit^{commit}" 2>/dev/null || fail "not in $repository"

# A staging that was cut off leaves only a .partial- directory, which the next one replaces.
rm -rf "$partial"
mkdir -p "$partial"
trap 'rm -rf "$partial"' EXIT
# What a pattern means is for git to say, and none is one: a path is left out by its very name.
for path; do set -- "$@" ":(exclude,literal)$path"; shift; done
git -C "$mirror" archive "$commit" -- . "$@" | tar -x -C "$partial"
[ -f "$partial/package-lock.json" ] || fail "has no package-lock.json, so npm ci can't install it"
(cd "$partial" && npm ci --omit=dev --no-fund --no-audit --no-update-notifier --prefer-offline --loglevel=error)
node --check "$partial/$entry" || fail "$entry does not parse"
ln -s ../../.env "$partial/.env"
printf '%s\n' "$commit" > "$partial/REVISION"
sync -f "$partial"
mv "$partial" "$app_dir/releases/$commit"
trap - EXIT
