#!/usr/bin/env bash
# Tries the image without a Docker engine: carries out docker/Dockerfile, instruction by
# instruction, in clean Debian roots, then starts its entry point as
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges
# would, in a network of its own where only the replica of the site is.
#
# In place of the base image stands the Debian release named in its tag, with Debian's own python3.
# Debian's mirror, the certificates and pip's settings are those of this machine, found at run time.
#
# usage: docker/try.sh      as root on Debian, with debootstrap, util-linux, iproute2, python3 + pip
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
context=$(dirname "$here")
dockerfile=$here/Dockerfile

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
die() { printf 'try.sh: %s\n' "$*" >&2; exit 1; }

# Mounts and processes live in namespaces that end before the folder is removed: nothing of the
# machine can be reached through it then, and nothing is left running.
if [[ ${1-} != --inside ]]; then
  ((UID == 0)) || die 'needs root, for chroot and mount'
  for program in debootstrap unshare nsenter setpriv ip python3; do
    command -v "$program" >/dev/null || die "$program is needed"
  done
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$0" --inside "$work"
  exit
fi
work=$2
trap 'exit 130' INT TERM # the first process of a namespace has no default for them

# ---- the machine ---------------------------------------------------------------------------------

# The mirror this machine takes Debian from.
mirror() {
  # shellcheck disable=SC2016  # apt's placeholder, not the shell's
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
    sort -u | head -n 1
}

# What pip and the network need here, as NAME=value with a NUL after each.
machine_environment() {
  python3 - <<'PYTHON'
import ast, os, subprocess, sys
listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True,
                        text=True, check=True).stdout
found = {n: v for n, v in os.environ.items() if n.lower().endswith("_proxy")}
for line in listed.splitlines():
    key, _, value = line.partition("=")
    scope, _, name = key.rpartition(".")
    if scope in (":env:", "global"):
        found["PIP_" + name.upper().replace("-", "_")] = " ".join(ast.literal_eval(value).split())
for name, value in found.items():
    sys.stdout.write(f"{name}={value}\0")
PYTHON
}

# Shows the files and folders that those settings name inside of a root, read-only.
share_with() {
  local root=$1 word path
  for word in "${machine[@]#*=}"; do
    for path in ${word//file:\/\//}; do
      path=${path%/simple} # a local index may keep its files beside its pages
      [[ $path == /* && -e $path ]] || continue
      if [[ -d $path ]]; then mkdir -p "$root$path"; else install -D /dev/null "$root$path"; fi
      mount --bind "$path" "$root$path"
      mount -o remount,bind,ro "$root$path"
    done
  done
}

# ---- the Dockerfile ------------------------------------------------------------------------------

# One instruction a line.
instructions() {
  sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' "$dockerfile" |
    sed -e ':join' -e '/\\$/{N;s/\\\n[[:space:]]*/ /;b join' -e '}'
}

# The words of a JSON array, each with a NUL after it.
words_of() {
  python3 -c 'import json, sys; print(*json.loads(sys.argv[1]), sep="\0", end="\0")' "$1"
}

# Only what the ignore file lets through, as BuildKit would send it.
make_context() {
  local path
  mkdir "$work/context"
  while read -r path; do
    (cd "$context" && cp -a --parents "$path" "$work/context")
  done < <(sed -n 's/^!//p' "$dockerfile.dockerignore")
  find "$work/context" -name __pycache__ -prune -exec rm -r {} +
}

declare -A stages=()
root='' workdir='' user='' stage=0
environment=() entrypoint=() arguments=() health=() volumes=() machine=()

# A command in the root, at the working directory, with the image's environment.
inside() { chroot "$root" env -i --chdir="$workdir" "${environment[@]}" "$@"; }

leave_stage() {
  [[ -z $root ]] || findmnt --list --noheadings --output TARGET | { grep "^$root/" || true; } |
    tac | xargs --no-run-if-empty umount
}

begin_stage() { # IMAGE [AS NAME]
  local name=${3-$stage}
  [[ -z ${stages[$1]-} ]] || die "FROM $1: a stage on a stage is not tried here"
  leave_stage
  root=$work/stage$((stage++)) workdir=/ user=0:0
  environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root)
  entrypoint=() arguments=() health=() volumes=()
  cp -a "$work/base" "$root"
  stages[$name]=$root
  mount -t proc proc "$root/proc"
  share_with "$root"
}

copy() { # [--from=STAGE] SOURCE... TARGET
  local from=$work/context source target
  if [[ $1 == --from=* ]]; then
    from=${stages[${1#--from=}]}
    shift
  fi
  target=${!#}
  [[ $target == /* ]] || target=$workdir/$target
  for source in "${@:1:$#-1}"; do
    if [[ -d $from/$source ]]; then
      mkdir -p "$root$target"
      cp -a --no-preserve=ownership "$from/$source/." "$root$target"
    else
      [[ $target != */ ]] || mkdir -p "$root$target"
      cp --no-preserve=ownership "$from/$source" "$root$target"
    fi
  done
}

run() { # COMMAND of a shell
  [[ $user == 0:0 ]] || die 'RUN after USER is not tried here'
  inside env "${machine[@]}" sh -c "$1" >"$work/log" 2>&1 || { cat "$work/log"; die "failed: $1"; }
}

carry_out() { # INSTRUCTION REST
  local -a words
  read -ra words <<<"$2"
  case $1 in
    FROM) begin_stage "${words[@]}" ;;
    RUN) run "$2" ;;
    COPY) copy "${words[@]}" ;;
    WORKDIR) workdir=$2 && mkdir -p "$root$2" ;;
    USER) user=$2 ;;
    # A shell reads NAME=value and $NAME as Docker does.
    ENV) mapfile -t -d '' environment < <(workdir=/ inside sh -c "export $2; exec env --unset=PWD --null") ;;
    VOLUME) mapfile -t -d '' volumes < <(words_of "$2") ;;
    ENTRYPOINT) mapfile -t -d '' entrypoint < <(words_of "$2") ;;
    CMD) mapfile -t -d '' arguments < <(words_of "$2") ;;
    HEALTHCHECK) mapfile -t -d '' health < <(words_of "${2#*CMD }") ;;
    LABEL | EXPOSE | STOPSIGNAL) ;;
    *) die "$1 is not tried here" ;;
  esac
}

build() {
  local tag suite instruction rest
  tag=$(sed -n '0,/^FROM/s/^FROM [^:]*:\([^ @]*\).*/\1/p' "$dockerfile")
  suite=${tag##*-}
  mapfile -t -d '' machine < <(machine_environment)
  say "debootstrap $suite, standing in for python:$tag"
  debootstrap --variant=minbase --include=ca-certificates,python3-pip,python3-venv "$suite" \
    "$work/base" "$(mirror)" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; die 'no Debian root'; }
  ln -s /usr/bin/python3 "$work/base/usr/local/bin/python"
  cp -L /etc/resolv.conf /etc/hosts "$work/base/etc/"
  make_context
  while read -r instruction rest; do
    say "${instruction} ${rest:0:80}"
    carry_out "$instruction" "$rest"
  done < <(instructions)
  leave_stage
}

# ---- the container -------------------------------------------------------------------------------

# The root read-only; writable are the volumes, made from the image's folders as Docker makes named
# ones, and an empty /tmp.
seal() {
  local path device
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev,noexec tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755,nosuid,noexec tmpfs "$root/dev"
  for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  for path in "${volumes[@]}"; do
    mkdir -p "$work/volumes$(dirname "$path")"
    cp -a "$root$path" "$work/volumes$path"
    mount --bind "$work/volumes$path" "$root$path"
    mount -o remount,bind,nosuid,nodev,noexec "$root$path"
  done
  mount -o remount,bind,ro "$root"
  mount -o remount,ro "$root/dev"
  touch "$work/network"
  unshare --net="$work/network" ip link set lo up
}

# A process of the container, number 1 of its own (where a signal without a handler is lost), in its
# network, with no capability and none to be gained.
contained() {
  nsenter --net="$work/network" unshare --pid --fork --kill-child chroot "$root" \
    setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups --no-new-privs --inh-caps=-all \
    --bounding-set=-all env -i --chdir="$workdir" "${environment[@]}" "$@"
}

# Until the command succeeds, at most so many seconds.
within() { # SECONDS COMMAND...
  local until=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < until)) || return 1
    sleep 0.2
  done
}

healthy() { contained "${health[@]}" >"$work/health" 2>&1; }
posts() { find "$work/volumes" -name '*.md' -path '*/seeds/*' | wc -l; }
reloaded() { grep -q 'settings.*changed=' "$work/daemon"; }
ended() { ! kill -0 "$1" 2>/dev/null; }

tell() { # SIGNAL JOB: to the program in the container, which is the last of its line
  local process=$2 child
  while child=$(<"/proc/$process/task/$process/children") && [[ -n $child ]]; do
    process=${child%% *}
  done
  kill -"$1" "$process"
}

stop() { # JOB: as `docker stop`; it has 20 s, and its exit code must be 0
  local code=0
  tell TERM "$1"
  within 20 ended "$1" || die 'still there 20 s after SIGTERM'
  wait "$1" || code=$?
  ((code == 0)) || die "exit code $code after SIGTERM"
}

start() {
  local origin replica daemon
  seal
  ! touch "$root/x" 2>/dev/null || die 'the root can be written'
  say "as uid $(contained id -u), capabilities $(contained sed -n 's/^CapEff:\t//p' /proc/self/status)"
  contained "${entrypoint[@]}" --version
  exec {replica}< <(exec nsenter --net="$work/network" chroot --userspec=65534:65534 "$root" \
    env -i --chdir=/ "${environment[@]}" python -m harvester.replica)
  read -r origin <&"$replica"
  say "${entrypoint[*]} ${arguments[*]}, against a replica of the site"
  ! healthy || die 'healthy before anything runs'
  environment+=(HARVESTER_SITE_ORIGIN="$origin" HARVESTER_RATE=50 HARVESTER_CONTACT=try.sh)
  contained "${entrypoint[@]}" "${arguments[@]}" >"$work/daemon" 2>&1 &
  daemon=$!
  trap 'tail -n 40 "$work/daemon" "$work/health"' EXIT
  within 60 healthy || die 'not healthy after 60 s'
  say 'healthy'
  # As with `docker exec`; the daemon does it. Some pages of the replica cannot be read, hence 1.
  contained "${entrypoint[@]}" backfill --json || (($? == 1))
  (($(posts) > 0)) || die 'no post'
  sleep 11 # a tick of the schedule, which comes every 10 s, with the old and with the new settings
  tell HUP "$daemon"
  within 20 reloaded || die 'SIGHUP: settings not read again'
  sleep 11
  healthy || die 'not healthy after SIGHUP'
  say 'SIGHUP: settings read again'
  stop "$daemon"
  say "SIGTERM: exit code 0, $(posts) posts"
  ! healthy || die 'healthy after its end'
  contained "${entrypoint[@]}" verify
  trap - EXIT
}

build
start
say 'every step of the Dockerfile and the entry point work'
