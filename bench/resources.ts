/** About 95 resources on a node, once as a service of a repository and once as a playbook: 30 files, 30 directories, 30 links, a user, a package, a unit, … */
const count = 30
const numbers = Array.from({ length: count }, (_, i) => i + 1)

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

export const playbook = `- hosts: all
  become: true
  gather_facts: false
  tasks:
    - apt: {name: cron, state: present}
    - user: {name: bench, state: present}
    - file: {path: /opt/bench, state: directory}
    - service: {name: cron, enabled: true, state: started}
    - file: {path: "/opt/bench/dir-{{ item }}", state: directory, mode: "0755"}
      loop: "{{ range(1, ${count + 1}) | list }}"
    - copy: {dest: "/opt/bench/file-{{ item }}", content: "line of file {{ item }}\\n", mode: "0644"}
      loop: "{{ range(1, ${count + 1}) | list }}"
    - file: {src: "/opt/bench/file-{{ item }}", path: "/opt/bench/link-{{ item }}", state: link}
      loop: "{{ range(1, ${count + 1}) | list }}"
    - copy: {dest: /opt/bench/last, content: "first\\n"}
`
