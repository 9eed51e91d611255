import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { readHost } from './host-address.ts'

test('an address is kept without brackets, and IPv6 in its shortest form', () => {
  for (const [written, kept] of [
    ['app.example.com', 'app.example.com'],
    ['192.0.2.7', '192.0.2.7'],
    ['fd00::2', 'fd00::2'],
    ['[fd00::2]', 'fd00::2'],
    ['FD00:0:0:0:0:0:0:2', 'fd00::2'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ] as const)
    assert.equal(readHost(written), kept)
})

test('zones, ports and what is no address are refused in words', () => {
  for (const [written, reason] of [
    ['fe80::1%eth0', /has a zone/],
    ['[fe80::1%eth0]', /has a zone/],
    ['app.example.com:22', /a port is given by itself/],
    ['192.0.2.7:22', /a port is given by itself/],
    ['[192.0.2.7]', /neither a name nor an address/],
    ['[fd00::2]:22', /a port is given by itself/],
    ['fd00::2::3', /neither a name nor an address/],
  ] as const)
    assert.throws(
      () => readHost(written),
      (error) => isProblem(error, 'invalid') && reason.test(error.message),
    )
})
