#!/bin/sh
# Sallyport here against Sallyport at a git reference, side by side: bench/compare.sh REF [options of npm run bench]
# The order is turned each round. For whoever says that a change is faster: put the table in the commit.
set -eu
usage='bench/compare.sh REF [options of npm run bench]
  REF   a git reference, such as main or HEAD~1
Example: bench/compare.sh main --rounds 5
The options: npm run bench -- --help'
case ${1-} in
  -h | --help) echo "$usage"; exit 0 ;;
  '' | -*) echo "$usage" >&2; exit 2 ;;
esac
ref=$1
shift
here=$(cd "$(dirname "$0")/.." && pwd)
git -C "$here" rev-parse --quiet --verify "$ref^{commit}" >/dev/null || { echo "$ref is no commit of this repository" >&2; exit 2; }
there=$(mktemp -d)
trap 'git -C "$here" worktree remove --force "$there/ref" 2>/dev/null; rm -rf "$there"' EXIT
git -C "$here" worktree add --quiet --detach "$there/ref" "$ref"
ln -s "$here/node_modules" "$there/ref/node_modules"
(cd "$there/ref" && npm run --silent build)
cd "$here"
npm run --silent prebench
exec_node=${NODE:-node}
"$exec_node" build/bench/gateway.js --print --only sallyport,bare --against "$there/ref/dist/main.js" "$@"
