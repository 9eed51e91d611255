import { quote } from '../quote.ts'

/** A value that every check lets through, and how to see that the program takes it for what it is. */
export interface Hostile {
  service: string
  title: string
  options: Record<string, unknown>
  look: string
  shows: RegExp
}

const run = '$(touch /tmp/injected)`touch /tmp/injected`'
const sql = `it's "so" ${run} \\ ; -- # {x}`
const word = "$(x)`y`'%s%%{}!"
/** As a part of an expression. */
const literal = (value: string) => value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Options that hold free text, each with the worst that it takes. */
export const hostile: readonly Hostile[] = [
  {
    service: 'nginx',
    title: 'an expression of browsers is no more than that',
    options: { http: { gzip_disable: `ms'ie6 # ${run} é` } },
    look: 'nginx -T 2>/dev/null | grep -c "touch /tmp/injected"; nginx -t 2>&1 | tail -1',
    shows: /^1\n.*successful$/,
  },
  {
    service: 'nginx',
    title: 'a name of a site stays a name, and its root stays its root',
    options: {
      vhosts: [
        {
          id: 'names',
          domain: '~^a#b(?<x>é)$',
          aliases: 'ünï.example a#b',
          indexes: 'a#b.html',
          routes: [{ uri: '/', type: 'static' }],
        },
      ],
    },
    look: "echo here >/var/www/names/index.html; curl -s -H 'Host: a#b' http://127.0.0.1/",
    shows: /^here$/,
  },
  {
    service: 'nginx',
    title: 'an address stays one, whatever is in it',
    options: {
      vhosts: [
        { id: 'paths', domain: 'paths.example', routes: [{ uri: '/a#é`$(x)', custom: 'return 200 there;' }] },
      ],
    },
    look: "curl -s -H 'Host: paths.example' 'http://127.0.0.1/a%23%C3%A9%60%24(x)'",
    shows: /^there$/,
  },
  {
    service: 'nodejs',
    title: 'the environment of an app is data',
    options: {
      apps: [
        {
          name: 'shop',
          root: '/srv/app',
          script: 'show.js',
          extra_env: `"A=${run} ; # 'x' {é} 100% %n $HOME" B=two`,
        },
      ],
    },
    look: `install -d -o devops /srv/app; echo 'require("fs").writeFileSync("/srv/app/env", process.env.A + "|" + process.env.B); setInterval(() => {}, 1e6)' >/srv/app/show.js; chmod 644 /srv/app/show.js; rm -f /srv/app/env; systemctl restart app-shop; until [ -s /srv/app/env ]; do sleep 0.1; done; cat /srv/app/env`,
    shows: new RegExp(`^${literal(`${run} ; # 'x' {é} 100% %n $HOME|two`)}$`),
  },
  {
    service: 'supervisord',
    title: 'a command and its environment are words, and no shell sees them',
    options: {
      programs: [
        {
          name: 'say',
          command: `/usr/bin/printenv A $(touch$IFS/tmp/injected) \`x\``,
          env: `A="$(touch /tmp/injected)'é{}"`,
          extra: 'startsecs=0\nautorestart=false',
        },
      ],
    },
    look: 'until grep -q . /var/log/supervisor/say-stdout*; do sleep 0.1; done; cat /var/log/supervisor/say-stdout*',
    shows: /^\$\(touch \/tmp\/injected\)'é\{\}$/,
  },
  {
    service: 'supervisord',
    title: 'a password for its listener is the password',
    options: {
      inet: { port: '127.0.0.1:9001', username: 'ann', password: word },
    },
    look: `curl -s -o /dev/null -w '%{http_code}' -u ${quote(`ann:${word}`)} http://127.0.0.1:9001/`,
    shows: /^200$/,
  },
  {
    service: 'postgresql',
    title: 'a password that looks like SQL is a password',
    options: {
      users: [{ name: 'shop', password: sql }],
      databases: [{ name: 'shop', users: ['shop'] }],
    },
    look: `PGPASSWORD=${quote(sql)} psql -XAtw -h 127.0.0.1 -U shop -d shop -c 'select 1'`,
    shows: /^1$/,
  },
  {
    service: 'postgresql',
    title: 'a setting is what was written, to its last backslash',
    options: { settings: { log_line_prefix: `${run} 'é' # \\`, application_name: 'x\ny' } },
    look: "runuser -u postgres -- psql -XAtc 'show log_line_prefix'",
    shows: new RegExp(`^${literal(`${run} 'é' # \\`)}$`),
  },
]
