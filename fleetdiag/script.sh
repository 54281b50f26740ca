# The part of the step protocol's script that is the same for every host; script.py tells the
# protocol, puts `N=@nonce A= S=password` before this and the steps after it. Sent without its
# comments. POSIX sh: dash, bash, busybox ash. Names are short: every byte goes to every host.
# shellcheck shell=sh disable=SC2086,SC2034

trap 'G=1' USR1
trap 'T=1' USR2 PIPE
exec 3<&0 </dev/null
unset ENV BASH_ENV CDPATH LANGUAGE
LC_ALL=C LANG=C TERM=dumb PAGER=cat SYSTEMD_PAGER= SYSTEMD_COLORS=0 COLUMNS=400
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL LANG TERM PAGER SYSTEMD_PAGER SYSTEMD_COLORS COLUMNS PATH
G= T= V= Q= p= k=
mark() {
  printf '\n%s %s\n' "$N" "$1"
  printf '\n%s %s\n' "$N" "$1" >&2
}
# get NAME FILE: first line of FILE, without a process.
get() { x=; { read -r x <"$2"; } 2>/dev/null; printf '%s=%s\n' "$1" "$x"; }
facts() {
  get hostname /proc/sys/kernel/hostname
  get boot_id /proc/sys/kernel/random/boot_id
  get machine_id /etc/machine-id
  get uptime /proc/uptime
  printf 'user=%s\n' "$U"
  printf 'clock='; date +%s.%N
  ip -o addr || ifconfig -a
}
# Our user id, process group, session and ancestors, read from /proc.
know() {
  U=
  while read -r x y _; do
    case $x in Uid:) U=$y; break ;; esac
  done </proc/self/status
  a=$$ O= K=" $$ "
  while [ "$a" -gt 1 ]; do
    read -r x <"/proc/$a/stat" || break
    set -- ${x##*) }
    [ "$a" = $$ ] && B=$4
    a=$2 K="$K$a "
  done
  # A session that the server made for us alone; otherwise (dropbear) it holds other logins too.
  case $B in $$|$PPID) O=$B ;; esac
}
# Is the main shell still our parent? (Its number may be another process's by now.)
ours() {
  read -r x </proc/self/stat || return 0
  set -- ${x##*) }
  [ "$2" = $$ ]
}
# The listener: reads one line, signals us until we end it, and ends with the number of the step
# that is to end, 125 at end of file, more than 128 if we ended it for nothing. It repeats the
# signal because one that comes just before our `wait` would not wake it.
listen() {
  (
    trap - USR1 USR2 PIPE
    q=125
    read -r x && q=${x#K}
    trap 'exit "$q"' TERM
    while ours && kill -USR1 $$; do
      sleep 1 &
      wait $!
    done
  ) <&3 3<&- >/dev/null 2>&1 &
  L=$!
}
fuse() {
  (
    trap - USR1
    trap 'kill "$z"; exit' TERM
    sleep "$1" & z=$!
    wait "$z" && ours && kill -USR2 $$
  ) </dev/null 3<&- >/dev/null 2>&1 &
  F=$!
}
# V = what our steps left running: our descendants, and all of our own session.
seek() {
  V= R=
  for d in /proc/[0-9]*; do
    { read -r x <"$d/stat"; } 2>/dev/null || continue
    i=${d#/proc/}
    set -- ${x##*) }
    case $1 in Z|X) continue ;; esac
    case $2 in $F|$L) continue ;; esac
    case "$K$L $F " in *" $i "*) continue ;; esac
    if [ "$2" = $$ ] || [ "$4" = "${O:-none}" ]; then V="$V $i"; else R="$R $i:$2"; fi
  done
  m=1
  while [ -n "$m" ]; do
    m= y=$R R=
    for x in $y; do
      case "$V " in
        *" ${x#*:} "*) V="$V ${x%:*}" m=1 ;;
        *) R="$R $x" ;;
      esac
    done
  done
  [ -d /proc/self ] || { kill -0 "$p" && V=$p; } 2>/dev/null
}
# Does the step now running go through sudo?
needs_root() { [ "$b" = 1 ] && [ "$U" != 0 ]; }
nap() { sleep 0.2 2>/dev/null || sleep 1; }
# End what a step runs; k=1, or k=stuck where even KILL does not.
quell() {
  k=1
  for s in TERM KILL; do
    seek
    [ -n "$V" ] || return
    kill -"$s" $V 2>/dev/null
    ! needs_root || root "kill -$s $V" 2>/dev/null
    nap
  done
  seek
  [ -z "$V" ] || { k=stuck K="$K${V# } "; }
}
finish() {
  trap '' HUP TERM USR1 USR2 PIPE
  # Listener and fuse are stopped first, and then ended together with what they started: ended
  # alone, one just about to start its `sleep` would leave it to init, where nothing but a session
  # of our own (dropbear has none) tells that it is ours.
  kill -STOP $L $F 2>/dev/null
  for i in $L $F; do
    while { read -r x <"/proc/$i/stat"; } 2>/dev/null; do
      case ${x##*) } in [TZX]*) break ;; esac
    done
  done
  o="$L $F" L= F=
  seek
  [ -d /proc/self ] || V="$V $o"
  kill -KILL $V 2>/dev/null
  # What a step left that is root's: only sudo may end it.
  if needs_root; then
    nap
    seek
    [ -z "$V" ] || root "kill -KILL $V" 2>/dev/null
  fi
  exit
}
heed() {
  [ -z "$T" ] || finish
  G=
  kill "$L"
  wait "$L"
  q=$? L=
  [ "$q" != 125 ] && [ -z "$T" ] || finish
  [ "$q" != "$Q" ] || quell
  listen
}
# root COMMAND: through sudo; the password goes by a pipe and is never left for a shell to read.
root() {
  if [ -n "$S" ]; then
    printf '%s\n' "$S" | sudo -S -p '' -- sh -c 'exec </dev/null; exec sh -c "$1"' sh "$1" 3<&-
  else
    sudo -n -- sh -c "$1" </dev/null 3<&-
  fi
}
# step NUMBER BECOME COMMAND…: the first command that ends well is the last that is run.
step() {
  [ -z "$T" ] || finish
  n=$1 b=$2 j=-1 Q=$(($1 % 120))
  shift 2
  if needs_root; then
    [ -n "$A" ] || { root : && A=1 || A=0; }
    [ "$A" = 1 ] || { mark "X $n"; return; }
  fi
  for c; do
    j=$((j + 1)) k= r=
    if needs_root; then root "$c" & else sh -c "$c" </dev/null 3<&- & fi
    p=$!
    while :; do
      e=$r
      # Its stderr stays: bash forgets to undo a redirection of a `wait` that a trap cuts short.
      [ -n "$G$T" ] || wait "$p"
      r=$?
      # Already reaped when the signal came: the status before is the true one.
      [ "$r" != 127 ] || [ -z "$e" ] || [ "$e" -gt 128 ] || r=$e
      [ -n "$G$T" ] || break
      heed
      [ "$k" != stuck ] || { r=stuck; break; }
    done
    u=; { read -r u _ </proc/uptime; } 2>/dev/null
    m=-
    [ "$r" = 0 ] || [ -n "$k" ] || [ $((j + 1)) = $# ] || m=+
    mark "E $n $j $r $u $m"
    [ "$m" = + ] || return
  done
}
