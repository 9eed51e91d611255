/** 95 resources on a node, as a service of a repository, as a playbook, and as plain shell. */
const count = 30
const numbers = Array.from({ length: count }, (_, i) => i + 1)

/** A package, a user, a folder, a unit, 30 folders, 30 files, 30 links and one file that changes. */
export const resourceCount = 3 * count + 5

export const service = `id: bench
title: Bench
resources:
  - package: cron
  - user: bench
  - directory: /opt/bench
  - unit: cron
    enabled: true
    running: true
${numbers.map((n) => `  - directory: /opt/bench/dir-${n}\n    mode: "0755"`).join('\n')}
${numbers.map((n) => `  - file: /opt/bench/file-${n}\n    content: "line of file ${n}\\n"\n    mode: "0644"`).join('\n')}
${numbers.map((n) => `  - link: /opt/bench/link-${n}\n    to: /opt/bench/file-${n}`).join('\n')}
  - file: /opt/bench/last
    content: "{{ bench.text }}\\n"
options:
  text: {type: string, default: first}
`

/** `systemd` and not `service`: Debian's mitogen trips over the way by which the latter finds the former. */
export const playbook = `- hosts: all
  become: true
  gather_facts: false
  vars: {text: first}
  tasks:
    - apt: {name: cron, state: present, update_cache: true, cache_valid_time: 86400}
    - user: {name: bench, state: present}
    - file: {path: /opt/bench, state: directory}
    - systemd: {name: cron, enabled: true, state: started}
    - file: {path: "/opt/bench/dir-{{ item }}", state: directory, mode: "0755"}
      loop: "{{ range(1, ${count + 1}) | list }}"
    - copy: {dest: "/opt/bench/file-{{ item }}", content: "line of file {{ item }}\\n", mode: "0644"}
      loop: "{{ range(1, ${count + 1}) | list }}"
    - file: {src: "/opt/bench/file-{{ item }}", path: "/opt/bench/link-{{ item }}", state: link}
      loop: "{{ range(1, ${count + 1}) | list }}"
    - copy: {dest: /opt/bench/last, content: "{{ text }}\\n"}
`

const all = (name: string) => numbers.map((n) => `/opt/bench/${name}-${n}`).join(' ')

/** The same checks by as few processes as can tell: what nobody can do with less. */
export const checks = `dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' cron
getent passwd bench
systemctl show -p ActiveState,UnitFileState cron
find /opt/bench ${all('dir')} ${all('file')} ${all('link')} /opt/bench/last -maxdepth 0 -printf '%p %y %m %u %g %l\\n'
sha256sum ${all('file')} /opt/bench/last
`

/** What a person would type who knows that nothing is there yet. The files come as a tar on another session. */
export const install = `export DEBIAN_FRONTEND=noninteractive
apt-get update -q && apt-get install -qy --no-install-recommends cron && useradd --create-home bench && systemctl enable --now cron
`

/** The tree that \`install\` leaves out, made below the current folder. */
export const tree = `set -e
mkdir -p opt/bench && cd opt/bench
for n in $(seq ${count}); do
  mkdir dir-$n && echo "line of file $n" >file-$n && ln -s /opt/bench/file-$n link-$n
done
echo first >last
`

/** As before everything: lists of packages and downloads too, so that each of the rivals fetches its own. */
export const undo = `export DEBIAN_FRONTEND=noninteractive
apt-get purge -qy cron && apt-get clean && rm -rf /opt/bench /var/lib/apt/lists/* /run/devops/refreshed /var/lib/devops/before
# Ansible takes the age of this folder for that of the lists.
touch -d @0 /var/lib/apt/lists
userdel -r bench 2>/dev/null
true
`

/** One file of 95. */
export const rewrite = (text: string): string =>
  `umask 022; echo ${text} >/opt/bench/last.new && mv /opt/bench/last.new /opt/bench/last`
