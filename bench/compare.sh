#!/bin/sh
# Sallyport here against Sallyport at a git reference, side by side: bench/compare.sh REF [options of npm run bench]
# The order is turned each round. For whoever says that a change is faster: put the table in the commit.
set -eu
ref=${1:?write a git reference, such as main or HEAD~1}
shift
here=$(cd "$(dirname "$0")/.." && pwd)
there=$(mktemp -d)
trap 'git -C "$here" worktree remove --force "$there/ref" 2>/dev/null; rm -rf "$there"' EXIT
git -C "$here" worktree add --quiet --detach "$there/ref" "$ref"
ln -s "$here/node_modules" "$there/ref/node_modules"
(cd "$there/ref" && npm run --silent build)
cd "$here"
npm run --silent prebench
exec_node=${NODE:-node}
"$exec_node" build/bench/gateway.js --print --only sallyport,bare --against "$there/ref/dist/main.js" "$@"
