set_hostname() {
  printf '%s\n' "$1" | base64 | write_file /etc/hostname root:root 644 '' keep
  hostname -- "$1" || hostnamectl set-hostname -- "$1"
  { sed '/^127\.0\.1\.1[[:space:]]/d' /etc/hosts; printf '127.0.1.1 %s\n' "$1"; } |
    base64 | write_file /etc/hosts root:root 644 '' keep
}

make_swap() {
  swapoff -- "$1" 2>/dev/null || :
  rm -f -- "$1"
  (umask 077; fallocate -l "$2M" "$1" || dd if=/dev/zero of="$1" bs=1M count="$2" status=none)
  chmod 600 "$1"
  mkswap -q -- "$1"
  # A file with holes, or one on a copy-on-write file system, is refused: write it out.
  swapon -- "$1" || { dd if=/dev/zero of="$1" bs=1M count="$2" status=none; mkswap -q -- "$1"; swapon -- "$1"; }
  grep -q "^$1[[:space:]]" /etc/fstab || printf '%s none swap sw 0 0\n' "$1" >>/etc/fstab
}

remove_swap() {
  swapoff -- "$1" 2>/dev/null || :
  sed -i "\|^$1[[:space:]]|d" /etc/fstab
  rm -f -- "$1"
}
