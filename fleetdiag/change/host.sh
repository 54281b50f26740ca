# What a host does of a change; host.py tells the words it answers with. POSIX sh: dash, bash,
# busybox ash. Sent without its comments, before a call of one of its functions. `R` goes before
# every path, for tests.
# shellcheck shell=sh disable=SC2086,SC3043

umask 077
RUN=$R/run/fleetdiag VAR=$R/var/lib/fleetdiag
# RUN is gone after a reboot and can be written when disks are full or read-only; VAR is the other
# way round. A lock is in both, and holds in either; a job is in VAR where that can be written.

nap() { sleep 0.1 2>/dev/null || sleep 1; }
# `echo` makes something of backslashes in some shells.
put() { printf '%s=%s\n' "$1" "$2"; }
# line FILE: its first line in L, empty where there is none.
line() { L=; { read -r L <"$1"; } 2>/dev/null; [ -n "$L" ]; }
# up: seconds since boot in L.
up() { line /proc/uptime; L=${L%%.*}; }
# born PID: when a process began, in L: its number alone may be another's by now.
born() {
  line "/proc/$1/stat" || return
  set -- ${L##*) }
  L=${20}
}

# ------------------------------------------------------------------------------------ the lock

# lock ID WHO BREAK: for the run ID, unless another's; with BREAK, also then. One at a time looks
# and writes (`flock`, let go of by the kernel whatever happens); where there is none, `ln` still
# makes name and content one thing, and lets one of several have it.
lock() {
  t=$RUN/lock.$$
  mkdir -p "$VAR" "$RUN" 2>/dev/null
  # A group's `exec` may end the shell where it fails, so the directory is looked at first.
  [ ! -d "$RUN" ] || { exec 9<"$RUN"; flock 9; } 2>/dev/null
  { printf '%s\n' "$1 $(date +%s) $2" >"$t"; } 2>/dev/null || {
    echo "error=$RUN cannot be written"
    return
  }
  for f in "$RUN/lock" "$VAR/lock"; do
    line "$f" && [ "${L%% *}" != "$1" ] || continue
    [ -z "$3" ] || { rm -f "$f" && continue; }
    rm -f "$t"
    put lock "$L"
    return
  done
  { ln "$t" "$RUN/lock"; } 2>/dev/null
  rm -f "$t"
  line "$RUN/lock" || { echo "error=$RUN/lock cannot be made"; return; }
  put lock "$L"
  [ "${L%% *}" = "$1" ] || return
  { cp "$RUN/lock" "$VAR/lock.$$" && mv "$VAR/lock.$$" "$VAR/lock"; } 2>/dev/null
}
# unlock ID: given back, and what jobs of that run left is cleared away.
unlock() {
  for d in "$VAR" "$RUN"; do
    rm -rf "$d/$1".[0-9]*
    line "$d/lock" && [ "${L%% *}" = "$1" ] && rm -f "$d/lock"
  done
  rmdir "$VAR" 2>/dev/null
  echo unlocked=yes
}

# ------------------------------------------------------------------------------------- the job

# find_job ID: its directory in J.
find_job() {
  for J in "$VAR/$1" "$RUN/$1"; do
    [ ! -d "$J" ] || return 0
  done
  J=
  return 1
}
# claim NAME WORDS: writes NAME of the job unless it is there: of several, one succeeds.
claim() {
  printf '%s\n' "$2" >"$J/.$1.$$" && { ln "$J/.$1.$$" "$J/$1"; } 2>/dev/null
  c=$?
  rm -f "$J/.$1.$$"
  return $c
}
# detach NAME ARGUMENT…: `sh ARGUMENT…` with no tie to this connection. systemd-run takes it out of
# the session, which logind may end with all that is in it.
detach() {
  n=$1
  shift
  if [ -z "$R" ] && [ -d /run/systemd/system ]; then
    for o in --collect --quiet; do
      systemd-run --quiet $o --unit="$n" -p KillMode=process sh "$@" </dev/null >/dev/null 2>&1 && return
    done
  fi
  command -v setsid >/dev/null || return 1
  setsid sh "$@" </dev/null >/dev/null 2>&1 &
}
# launch ID SCRIPT: in place and waiting for `go`; once, however often it is asked for.
launch() {
  if ! find_job "$1"; then
    for d in "$VAR" "$RUN"; do
      j=$d/$1.new
      {
        mkdir -p "$d" && rm -rf "$j" && mkdir "$j" && mkdir "$j/keep" && printf '%s\n' "$2" >"$j/job" &&
          [ "$(tail -n 1 "$j/job")" = '# end' ] && mv "$j" "$d/$1" && break
        rm -rf "$j"
      } 2>/dev/null
    done
    find_job "$1" || { echo "error=neither $VAR nor $RUN can be written"; return; }
    cd /
    detach "fleetdiag-$1" "$J/job" run || {
      claim start refused
      echo 'error=there is neither systemd-run nor setsid'
      return
    }
    n=0
    until [ -e "$J/runner" ] || [ "$n" -gt 50 ]; do nap; n=$((n + 1)); done
    [ -e "$J/runner" ] || { claim start refused; echo 'error=what was detached did not start'; return; }
  fi
  state "$1" 0
}
# go ID [SECONDS]: begin, and say where it stands once it has ended or so long after.
go() {
  find_job "$1" && [ ! -e "$J/start" ] && : >"$J/go"
  state "$1" "$2"
}
# cancel ID: never begin, unless it has begun.
cancel() {
  find_job "$1" && claim start cancelled
  state "$1" 0
}
# confirm ID: all is well, the undo is not wanted any more, unless it has begun.
confirm() {
  if find_job "$1" && [ -e "$J/undoes" ] && claim fate confirmed; then
    {
      [ ! -d /run/systemd/system ] || systemctl stop "fleetdiag-undo-$1.timer"
      line "$J/later" && later=${L% *} && born "$later" && [ "$(cat "$J/later")" = "$later $L" ] &&
        kill -s KILL -- "-$later"
    } 2>/dev/null
  fi
  state "$1" 0
}
# revert ID: undo now.
revert() {
  find_job "$1" && cd / && detach "fleetdiag-revert-$1" "$J/job" undo 'the controller asked for it'
  state "$1" 3
}
# verify ID COMMAND SECONDS: until it ends with 0, or so long; with what it said last.
verify() {
  find_job "$1"
  KEEP=$J/keep
  export KEEP
  up
  e=$((L + $3))
  until v=$(sh -c "$2" 2>&1 </dev/null); do
    up
    [ "$L" -lt "$e" ] || { printf '%s\n' "$v" | tail -n 3 >&2; return 1; }
    nap
  done
  echo true
}
settled() {
  [ ! -e "$J/undone" ] || return 0
  [ ! -e "$J/fate" ] || { line "$J/fate"; [ "$L" = confirmed ]; return; }
  [ ! -e "$J/start" ] || { line "$J/start"; case $L in begun*) ;; *) return 0 ;; esac; }
  [ -e "$J/end" ] && { line "$J/end"; [ "$L" = ok ] || [ ! -e "$J/undoes" ]; }
}
# state ID SECONDS: where it stands, once that is settled or so long after.
state() {
  find_job "$1" || { line /proc/sys/kernel/random/boot_id; put boot "$L"; echo job=none; return; }
  up
  e=$((L + ${2:-0}))
  while ! settled && up && [ "$L" -lt "$e" ]; do nap; done
  line /proc/sys/kernel/random/boot_id
  put boot "$L"
  put job "$J"
  for f in start end fate undone undoes; do
    ! line "$J/$f" || put "$f" "$L"
  done
  [ ! -e "$J/go" ] || echo go=yes
  line "$J/runner" && r=$L && born "${r% *}" && [ "$L" = "${r#* }" ] && echo runner=alive
  for f in act undo; do
    [ ! -s "$J/$f.out" ] || { echo "said=$f"; head -c 4096 "$J/$f.out"; echo; }
  done
}

# --------------------------------------------------------------------- what the job itself runs

# perform TAG COMMAND SECONDS: its exit code, 124 past its limit; what it says goes to TAG.out, at
# most 64 KiB. A pipe, because what it starts may hold on to it for ever.
perform() {
  rm -f "$J/$1.rc" "$J/$1.pid" "$J/pipe.$1"
  mkfifo "$J/pipe.$1" || return 125
  { head -c 65536 >>"$J/$1.out"; cat >/dev/null; } <"$J/pipe.$1" 2>/dev/null &
  {
    KEEP=$J/keep setsid sh -c 'echo $$ >"$0.pid"; umask 022; exec sh -c "$1"' "$J/$1" "$2" </dev/null
    echo $? >"$J/.$1.rc"
    mv "$J/.$1.rc" "$J/$1.rc"
  } >"$J/pipe.$1" 2>&1 &
  up
  e=$((L + $3))
  until [ -e "$J/$1.rc" ]; do
    nap
    up
    [ "$L" -le "$e" ] || { stop "$1"; return 124; }
  done
  nap
  line "$J/$1.rc"
  return "$L"
}
# stop TAG: end what it runs, with all of its session's group.
stop() {
  for s in TERM KILL; do
    line "$J/$1.pid" && kill -s $s -- "-$L" 2>/dev/null
    nap
    [ ! -e "$J/$1.rc" ] || return
  done
}
# What is written here must still be there after the reboot; a disk that hangs is not waited for.
flush() {
  sync &
  s=$! n=0
  while kill -0 $s 2>/dev/null && [ "$n" -lt 50 ]; do nap; n=$((n + 1)); done
}
arm() {
  if [ -z "$R" ] && [ -d /run/systemd/system ]; then
    for o in --collect --quiet; do
      systemd-run --quiet $o --unit="fleetdiag-undo-$ID" --on-active="$UNDO_AFTER" \
        --timer-property=AccuracySec=100ms -p KillMode=process \
        sh "$J/job" undo 'nobody confirmed it in time' </dev/null >/dev/null 2>&1 && return
    done
  fi
  setsid sh "$J/job" later </dev/null >/dev/null 2>&1 &
}
later() {
  born $$
  echo "$$ $L" >"$J/later"
  up
  e=$((L + UNDO_AFTER))
  while up && [ "$L" -lt "$e" ]; do
    [ ! -e "$J/fate" ] || return
    sleep 1
  done
  undo 'nobody confirmed it in time'
}
run() {
  born $$
  claim runner "$$ $L" || return
  [ -z "$UNDO" ] || echo yes >"$J/undoes"
  up
  e=$((L + WAITS))
  until [ -e "$J/go" ]; do
    [ ! -e "$J/start" ] || return
    up
    [ "$L" -lt "$e" ] || { claim start expired; return; }
    nap
  done
  [ -z "$UNDO" ] || arm || { claim start refused; return; }
  line /proc/sys/kernel/random/boot_id
  claim start "begun $L $(date +%s)" || return
  i=0 r=0
  while [ "$i" -lt "$ACTS" ] && [ "$r" = 0 ] && [ ! -e "$J/fate" ]; do
    i=$((i + 1))
    eval "a=\$ACT$i w=\$LIMIT$i"
    [ "$i" != "$REBOOTS" ] || flush
    up
    e=$((L + w))
    b=$e
    perform act "$a" "$w"
    r=$?
    if [ "$i" = "$REBOOTS" ] && { [ "$r" = 0 ] || [ "$r" -gt 128 ]; }; then
      while up && [ "$L" -lt "$b" ]; do nap; done
      r=123
    fi
  done
  [ ! -e "$J/fate" ] || [ "$r" != 0 ] || [ "$i" = "$ACTS" ] || r=122
  if [ "$r" = 0 ]; then claim end ok; else claim end "failed $i $r"; fi
  [ "$r" = 0 ] || [ -z "$UNDO" ] || undo 'a step failed'
}
# undo WHY: once, and never together with the steps.
undo() {
  line "$J/start"
  [ -n "$UNDO" ] && [ "${L%% *}" = begun ] || return
  claim fate "undo $1" || return
  n=0
  until [ -e "$J/end" ] || [ "$n" -gt 50 ]; do
    stop act
    n=$((n + 1))
  done
  perform undo "$UNDO" "$UNDO_LIMIT"
  claim undone "$?"
}
