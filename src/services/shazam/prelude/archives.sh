# unpack_archive FOLDER NOTE SHA256 STRIP OWNER:GROUP URL|gzip|plain; without a URL in base64 on its input.
# Unpacked beside everything first: an archive that is broken, that the disk cannot hold, or that would take the place of
# what is not ours changes nothing.
unpack_archive() {
  into=$1 note=$2 sha256=$3 strip=$4 owner=$5
  work=$(mktemp -d /var/lib/devops/unpack.XXXXXX)
  stage=
  trap 'rm -rf -- "$work" ${stage:+"$stage"}' EXIT
  fetch_archive "$6"
  if [ ! -d "$into" ]; then make_folder "$into"; fi
  # On the disk that it is for. What an unpacking that was cut has left goes.
  rm -rf -- "$into"/.devops-unpack.*
  stage=$(mktemp -d "$into/.devops-unpack.XXXXXX")
  mkdir "$stage/tree"
  if ! { open_archive && chown -hR -- "$owner" "$stage/tree" && list_archive && judge_archive; }; then
    rm -rf -- "$stage"
    [ -e "$note" ] || rmdir --ignore-fail-on-non-empty -- "$into"
    exit 1
  fi
  # Known before it is done: of an unpacking that is cut nothing stays for ever.
  sort -z -u "$work/files" "$work/old" >"$note.files"
  cat "$work/folders" >>"$note.folders"
  # What a former version had more leaves first: a file may have become a folder, or a folder a file.
  (cd -- "$into" && xargs -0 -r rm -f -- <"$work/gone" && sort -z -r "$work/in_way" | xargs -0 -r rmdir -- && sort -z -r "$work/emptied" | xargs -0 -r rmdir --ignore-fail-on-non-empty -- 2>/dev/null) || :
  # The content is on this disk already: names are all that is made, and a full disk cannot stop us half way.
  cp -al --remove-destination -- "$stage/tree/." "$into/" 2>/dev/null || cp -a --remove-destination -- "$stage/tree/." "$into/"
  cat "$work/files" >"$note.files"
  printf '%s %s %s\n' "$sha256" "$strip" "$owner" >"$note"
}

fetch_archive() {
  case $1 in
  http*)
    command -v curl >/dev/null || install_packages curl ca-certificates
    fetch_at "$1" --retry 2 --max-time 600 -o "$work/archive" || { echo "cannot be fetched: $1"; exit 1; }
    ;;
  gzip) base64 -d | gzip -dc >"$work/archive" ;;
  *) base64 -d >"$work/archive" ;;
  esac
  sum=$(sha256sum <"$work/archive")
  [ "${sum%% *}" = "$sha256" ] || { echo "the archive has SHA-256 ${sum%% *}, and $sha256 is wished: nothing is unpacked"; exit 1; }
  magic=$(head -c 4 "$work/archive" | od -An -tx1 | tr -d ' ')
  case $magic in
  504b*) needs=unzip by=unzip ;;
  fd377a58) needs=xz-utils by=xz ;;
  28b52ffd) needs=zstd by=zstd ;;
  425a68*) needs=bzip2 by=bzip2 ;;
  *) needs=tar by=tar ;;
  esac
  command -v $by >/dev/null || install_packages $needs
}

# Into the stage.
open_archive() {
  if [ $by = unzip ]; then
    mkdir "$stage/zip"
    unzip -q "$work/archive" -d "$stage/zip" && tar -C "$stage/zip" -c . | tar -C "$stage/tree" -x --strip-components="$((strip + 1))" && rm -rf -- "$stage/zip"
  else
    tar -C "$stage/tree" -x --strip-components="$strip" -f "$work/archive"
  fi || return 1
  [ -n "$(find "$stage/tree" -mindepth 1 -maxdepth 1 | head -n 1)" ] || { echo "the archive gives nothing (strip: $strip)"; return 1; }
  chown --reference="$into" -- "$stage/tree" && chmod --reference="$into" -- "$stage/tree"
}

# Names in it, those of a former version that it has not, and folders that these leave empty.
list_archive() {
  mkdir -p -m 0755 /var/lib/devops/archives
  (cd "$stage/tree" && find . -mindepth 1 ! -type d -print0 | sort -z) >"$work/files" &&
    (cd "$stage/tree" && find . -mindepth 1 -type d -print0 | sort -z) >"$work/folders" || return 1
  if [ -f "$note.files" ]; then sort -z -u "$note.files" >"$work/old"; else : >"$work/old"; fi
  comm -z -23 "$work/old" "$work/files" >"$work/gone"
  if [ -f "$note.folders" ]; then sort -z -u "$note.folders" | comm -z -23 - "$work/folders" >"$work/emptied"; else : >"$work/emptied"; fi
}

# What stands in the way and is not ours to remove: a folder of theirs where a file comes, a file where a folder comes.
judge_archive() {
  cd -- "$into" || return 1
  xargs -0 -r sh -c 'for f; do [ ! -d "$f" ] || [ -L "$f" ] || printf "%s\0" "$f"; done' - <"$work/files" >"$work/blocked"
  # With folders inside of it, all that must be empty by then.
  xargs -0 -r sh -c 'find "$@" -type d -print0' - <"$work/blocked" | sort -z -u >"$work/in_way"
  xargs -0 -r sh -c 'find "$@" ! -type d -print0' - <"$work/blocked" | sort -z | comm -z -23 - "$work/gone" >"$work/theirs"
  xargs -0 -r sh -c 'for f; do [ -d "$f" ] || { [ ! -e "$f" ] && [ ! -L "$f" ]; } || printf "%s\0" "$f"; done' - <"$work/folders" |
    sort -z | comm -z -23 - "$work/gone" >>"$work/theirs"
  cd /
  [ -s "$work/theirs" ] || return 0
  echo "these are in the way and not from a former version: nothing is unpacked"
  tr '\0' '\n' <"$work/theirs" | head -n 3
  return 1
}

remove_archive() {
  if cd -P -- "$1" 2>/dev/null; then
    but_staying "$1" <"$2.files" | xargs -0 -r rm -f --
    sort -z -r -u "$2.folders" | xargs -0 -r rmdir --ignore-fail-on-non-empty -- 2>/dev/null || :
    cd /
    rmdir --ignore-fail-on-non-empty -- "$1" || :
  fi
  rm -f -- "$2" "$2.files" "$2.folders"
}
