# Gives the devops user the authorized_keys on its input, and ends the sessions of keys that are not in them. Only where
# a sync has put that file before: what is not ours yet is left to the sync.
set -eu
file=/home/devops/.ssh/authorized_keys
[ -f "$file" ] && [ ! -L "$file" ] || exit 0
cd -P /home/devops/.ssh
new=.devops-keys-$$
trap 'rm -f -- "$new"' EXIT
umask 077
cat >"$new"
if ! cmp -s -- "$new" authorized_keys; then
  chown devops:devops -- "$new"
  chmod 0600 -- "$new"
  mv -fT -- "$new" authorized_keys
  echo 'renewed authorized_keys'
fi

# sshd tells by which key each of its processes let somebody in; the last word of a process is the one that counts.
allowed=$(ssh-keygen -lf authorized_keys) || { echo 'ssh-keygen cannot read the new keys' >&2; exit 1; }
allowed=$(printf '%s\n' "$allowed" | cut -d' ' -f2)
sessions=$(journalctl --quiet --no-pager --boot --output short-unix -t sshd -t sshd-session) ||
  { echo 'the journal does not tell who is inside: sessions of keys that have left go on' >&2; exit 1; }
entries=$(printf '%s\n' "$sessions" |
  sed -n 's/^.*\[\([0-9]*\)\]: Accepted publickey for devops from .* \(SHA256:[^ ]*\)$/\1 \2/p' |
  tac | sort -u -k1,1 -s)
untold=
for process in /proc/[0-9]*; do
  tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -q '^sshd[^ ]*: devops \[priv\]' || continue
  pid=${process#/proc/}
  key=$(printf '%s\n' "$entries" | sed -n "s/^$pid //p")
  if [ -z "$key" ]; then untold="$untold $pid"
  elif ! printf '%s\n' "$allowed" | grep -qxF -e "$key"; then kill -- "$pid" && echo "ended a session of $key"
  fi
done
[ -z "$untold" ] || { echo "the journal does not tell by which key the sessions$untold came in: they go on" >&2; exit 1; }
