as_user() { runuser -s /bin/sh -l -- "$1" -c "set -e
$2"; }

remove_user() {
  pkill -KILL -u "$1" || :
  userdel --remove -- "$1"
}
