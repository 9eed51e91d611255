# What is run may hold a secret, and the arguments of a program are there for every user to read; its environment is not.
take_text='text=$devops_run; unset devops_run; eval "$text"'
run_text() { devops_run=$1 sh -ec "$take_text"; }
as_user() {
  devops_run="set -e
$2" runuser -w devops_run -s /bin/sh -l -- "$1" -c "$take_text"
}

remove_user() {
  pkill -KILL -u "$1" || :
  home=$(getent passwd "$1" | cut -d: -f6)
  was=$home
  # What stays in its home is spared; a folder that is not its own was never its home.
  [ "$(stat -c %U -- "$home" 2>/dev/null)" = "$1" ] || home=
  if [ -n "$home" ] && [ -z "$(spared_in "$home")" ]; then
    userdel --remove -- "$1"
  else
    userdel -- "$1"
    rm -f -- "/var/mail/$1"
    [ -z "$home" ] || purge_folder "$home"
  fi
  leave_above "$was"
}

# move_home USER OLD NEW: what is in the old home comes along when it is the user's own; a new home that is in use already
# is left as it is.
move_home() {
  if [ -d "$3" ] && [ ! -L "$3" ] && [ "$(stat -c %u -- "$3")" = "$(id -u -- "$1")" ]; then rmdir -- "$3" 2>/dev/null || :; fi
  if [ -e "$3" ] || [ -L "$3" ]; then
    usermod --home "$3" -- "$1"
    echo "$3 is there already: what is in $2 stays where it is"
    return
  fi
  make_above "$3"
  if [ -d "$2" ] && [ ! -L "$2" ] && [ "$(stat -c %u -- "$2")" = "$(id -u -- "$1")" ]; then
    usermod --home "$3" --move-home -- "$1"
    leave_above "$2"
  else
    usermod --home "$3" -- "$1"
    mkdir -- "$3"
    [ ! -d /etc/skel ] || cp -r -- /etc/skel/. "$3"
    chown -hR -- "$1:$(id -g -- "$1")" "$3"
  fi
}

join_group() {
  getent passwd "$1" >/dev/null || { echo "there is no user $1"; return 1; }
  getent group "$2" >/dev/null || { echo "there is no group $2"; return 1; }
  usermod --append --groups "$2" -- "$1"
}

# Of a user or group that has left in the meantime nothing is left to take back.
leave_group() {
  case ,$(getent group "$2" | cut -d: -f4), in *",$1,"*) gpasswd --delete "$1" "$2" ;; *) exit 77 ;; esac
}

# With a user of the same name it may have left already; one that a user still has as its primary group cannot leave.
remove_group() {
  gid=$(getent group "$1" | cut -d: -f3)
  [ -n "$gid" ] || exit 77
  users=$(getent passwd | gid=$gid awk -F: '$4 == ENVIRON["gid"] { print $1 }')
  if [ -n "$users" ]; then
    echo "group $1 stays: it is the primary group of" $users
    exit 77
  fi
  groupdel -- "$1"
}

quote_word() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
