import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutsLink } from './cuts.ts'
import type { Entry } from './resources/kind.ts'

const file = (path: string, kind = 'file'): Entry => ({ id: `${kind}:${path}`, kind, path, notify: [] })
const unit = (name: string): Entry => ({ id: `unit:${name}`, kind: 'unit', name, notify: [] })

const cutting = [
  '/etc/ssh/sshd_config',
  '/etc/ssh/sshd_config.d/a.conf',
  '/etc/sudoers',
  '/etc/sudoers.d/ann',
  '/etc/network/interfaces',
  '/etc/netplan/a.yaml',
  '/etc/NetworkManager/conf',
  '/etc/systemd/network/a.network',
  '/etc/nftables.conf',
  '/etc/iptables/rules.v4',
  '/etc/ufw/user.rules',
  '/etc/devops/firewall',
  '/etc/hosts.allow',
  '/etc/hosts.deny',
  '/etc/pam.d/sshd',
  '/etc/pam.d/sudo',
  '/etc/pam.d/common-auth',
  '/etc/security/access.conf',
  '/home/ann/.ssh/authorized_keys',
]
const harmless = [
  '/srv/etc/ssh/sshd_config',
  '/etc/hosts',
  '/etc/hosts.allowed',
  '/etc/pam.d/cron',
  '/etc/nginx/nginx.conf',
  '/etc/systemd/system/a.service',
  '/home/ann/.ssh/authorized_keys.old',
  '/home/ann/ssh/authorized_keys',
  '/home/ann/.ssh/known_hosts',
]

test('files by which one comes in can cut the link, files that only look like them cannot', () => {
  for (const path of cutting) assert.equal(cutsLink(file(path)), true, path)
  for (const path of harmless) assert.equal(cutsLink(file(path)), false, path)
})

test('a folder does not cut the link by itself, and what has no path neither', () => {
  assert.equal(cutsLink(file('/etc/ssh/sshd_config.d', 'directory')), false)
  assert.equal(cutsLink({ id: 'package:nginx', kind: 'package', notify: [] }), false)
})

test('units of the network, of sshd and of the firewall can cut the link, others cannot', () => {
  for (const name of [
    'ssh',
    'sshd.service',
    'networking',
    'ufw',
    'nftables.service',
    'devops-firewall.service',
  ])
    assert.equal(cutsLink(unit(name)), true, name)
  for (const name of ['nginx', 'sshguard', 'my-ssh', 'ufw-report'])
    assert.equal(cutsLink(unit(name)), false, name)
  assert.equal(cutsLink({ ...unit('nginx'), path: '/etc/ssh/sshd_config' }), false)
  assert.equal(cutsLink({ ...file('/srv/a'), name: 'ssh' }), false)
})

test('anything that says of itself that it cuts the link does', () => {
  assert.equal(cutsLink({ ...unit('nginx'), cuts_link: true }), true)
  assert.equal(cutsLink({ ...file('/srv/etc'), cuts_link: false }), false)
})
