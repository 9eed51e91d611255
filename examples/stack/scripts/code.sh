#!/bin/sh
# The app is small enough to come along. One in a repository of its own comes by `devops git update`.
set -eu
sudo install -d -o devops -g devops /srv/shop
echo {{ motto }} >/srv/shop/motto.txt
cat >/srv/shop/server.js.new <<'JS'
const { readFileSync } = require('node:fs')
const { createServer } = require('node:http')
const { Pool } = require('pg')
const { createClient } = require('redis')

const motto = readFileSync('motto.txt', 'utf8').trim()
// The certificate is the one that Debian made for the server: encrypted, and not checked.
const database = new Pool({ ssl: { rejectUnauthorized: false } })
database.on('error', console.error)
const cache = createClient({ url: process.env.REDIS_URL })
cache.on('error', console.error)

async function page() {
  const { rows } = await database.query('SELECT name, price FROM products ORDER BY name')
  const visits = await cache.incr('visits')
  return [motto, ...rows.map(({ name, price }) => `${name} ${price}`), `visits ${visits}`, ''].join('\n')
}

const server = createServer((_, answer) =>
  page().then(
    (text) => answer.end(text),
    (error) => {
      console.error(error)
      answer.writeHead(500).end('the shop is closed\n')
    },
  ),
)
cache.connect().then(() => server.listen(process.env.PORT))
JS
mv /srv/shop/server.js.new /srv/shop/server.js
echo 'the code is there'
