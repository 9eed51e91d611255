import { quote } from '../quote.ts'
import { backendPackages, routes, upstreams } from './backends.ts'

/** Options at values that are not their defaults, and how the program itself says that it has them. */
export interface Shown {
  service: string
  options: Record<string, unknown>
  look: string
  shows: RegExp
}

/** The password of Redis on the server of these. */
export const password = "$(touch$IFS/tmp/injected);#'`{x}|&%"

export type Configuration = Record<string, Record<string, unknown>>

/** What the server of these has in any case. */
export const base: Configuration = {
  server: { packages: backendPackages },
  nginx: { vhosts: [{ id: 'ways', domain: '_', port: 8088, upstreams, routes }] },
  nodejs: { npm: false },
  redis: {
    snapshotting: { dir: '/srv/redis', dbfilename: 'all.rdb' },
    aom: { enable: 'yes', filename: 'log.aof', fsync: 'always' },
    security: { requirepass: password },
  },
  postgresql: { data_directory: '/srv/postgresql/%v', clients: ['10.9.0.0/16', 'samenet'] },
}

/** What of it is to be there before, as its owner brings it. */
export const prepared = `install -d -o redis -g redis -m 750 /srv/redis-log
install -d -o postgres -g postgres -m 700 /srv/pg
install -d -m 755 /srv/weblogs /srv/tls
cd /srv/pg
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -subj /CN=db.example 2>/dev/null
chown postgres: key cert`

const redis = (
  options: Record<string, unknown>,
  shows: Record<string, string | number>,
): Omit<Shown, 'service'> => ({
  options,
  look: `redis-cli -s /run/redis/redis-server.sock --no-auth-warning -a ${quote(password)} config get ${Object.keys(shows).join(' ')} | paste - - | sort`,
  shows: new RegExp(
    `^${Object.entries(shows)
      .map(([name, value]) => `${name}\t${value}`)
      .toSorted()
      .join('\n')}$`,
  ),
})
const psql = (sql: string) => `runuser -u postgres -- psql -XAt -p 5444 -c ${quote(sql)}`
const setting = (name: string, options: Record<string, unknown>, shows: RegExp): Omit<Shown, 'service'> => ({
  options,
  look: psql(`show ${name}`),
  shows,
})
const nginx = (name: string, value: string | number): Omit<Shown, 'service'> => ({
  options: { http: { [name]: value } },
  look: `nginx -T 2>/dev/null | grep -c '^ *${name} ${value};'`,
  shows: /^1$/,
})

const ofRedis: Omit<Shown, 'service'>[] = [
  redis({ port: 6399, timeout: 77, loglevel: 'verbose' }, { loglevel: 'verbose', port: 6399, timeout: 77 }),
  redis({ bind: '127.0.0.1 127.0.0.2', databases: 3 }, { bind: '127.0.0.1 127.0.0.2', databases: 3 }),
  redis({ limits: { maxclients: 500, samples: 7 } }, { maxclients: 500, 'maxmemory-samples': 7 }),
  redis(
    { snapshotting: { rdbchecksum: 'no', rdbcompression: 'no' } },
    { rdbchecksum: 'no', rdbcompression: 'no' },
  ),
  redis(
    { aom: { no_appendfsync_on_rewrite: 'yes', aof_rewrite_percentage: 55, aof_rewrite_min_size: '32mb' } },
    {
      'auto-aof-rewrite-min-size': 33_554_432,
      'auto-aof-rewrite-percentage': 55,
      'no-appendfsync-on-rewrite': 'yes',
    },
  ),
  redis(
    {
      replication: {
        ...{ ping_slave_period: 7, timeout: 61, priority: 42, read_only: 'no', serve_stale_data: 'no' },
      },
    },
    {
      ...{ 'repl-ping-replica-period': 7, 'repl-timeout': 61, 'replica-priority': 42 },
      ...{ 'replica-read-only': 'no', 'replica-serve-stale-data': 'no' },
    },
  ),
  redis({ lua: { time_limit: 1234 } }, { 'lua-time-limit': 1234 }),
  redis(
    { slowlog: { log_slower_than: 0, max_len: 5 } },
    { 'slowlog-log-slower-than': 0, 'slowlog-max-len': 5 },
  ),
  redis(
    { syslog: { enable: 'yes', ident: 'shop-redis', facility: 'local3' } },
    { 'syslog-enabled': 'yes', 'syslog-facility': 'local3', 'syslog-ident': 'shop-redis' },
  ),
  {
    options: {},
    look: 'journalctl -q -t shop-redis -o json --output-fields=SYSLOG_FACILITY -n 1',
    shows: /"SYSLOG_FACILITY":"19"/,
  },
  {
    options: { logfile: '/srv/redis-log/own.log' },
    look: 'cat /srv/redis-log/own.log',
    shows: /Ready to accept/,
  },
]

const ofPostgresql: Omit<Shown, 'service'>[] = [
  setting('authentication_timeout', { authentication_timeout: '2min' }, /^2min$/),
  setting('effective_cache_size', { effective_cache_size: '2GB' }, /^2GB$/),
  setting('shared_buffers', { shared_buffers: '64MB' }, /^64MB$/),
  setting('fsync', { fsync: false }, /^off$/),
  setting('ssl_ciphers', { ssl_ciphers: 'HIGH:!aNULL' }, /^HIGH:!aNULL$/),
  setting('superuser_reserved_connections', { superuser_reserved_connections: 5 }, /^5$/),
  setting('hba_file', { hba_file: '/srv/pg/hba.conf' }, /^\/srv\/pg\/hba\.conf$/),
  setting('ident_file', { ident_file: '/srv/pg/ident.conf' }, /^\/srv\/pg\/ident\.conf$/),
  {
    options: { listen_addresses: '127.0.0.1, 127.0.0.2', port: 5444 },
    look: "ss -Hltn 'sport = :5444' | awk '{print $4}' | sort | paste -s",
    shows: /^127\.0\.0\.1:5444\t127\.0\.0\.2:5444$/,
  },
  {
    options: { external_pid_file: '/srv/pg/own.pid' },
    look: `[ "$(cat /srv/pg/own.pid)" = "$(head -1 /srv/postgresql/*/postmaster.pid)" ] && echo same`,
    shows: /^same$/,
  },
  {
    options: { unix_socket_directories: '/var/run/postgresql, /srv/pgsock' },
    look: "runuser -u postgres -- psql -XAt -h /srv/pgsock -p 5444 -c 'select 1'",
    shows: /^1$/,
  },
  {
    options: { ssl_cert_file: '/srv/pg/cert', ssl_key_file: '/srv/pg/key' },
    look: 'openssl s_client -starttls postgres -connect 127.0.0.1:5444 </dev/null 2>/dev/null | openssl x509 -noout -subject',
    shows: /db\.example/,
  },
  {
    options: {
      users: [{ name: 'owner', password: 'x' }],
      databases: [{ name: 'owned', owner: 'owner', users: ['shop'] }],
    },
    look: psql("select pg_get_userbyid(datdba) from pg_database where datname = 'owned'"),
    shows: /^owner$/,
  },
]

const ofNginx: Omit<Shown, 'service'>[] = [
  {
    options: { worker_processes: 2, user: 'daemon', events: { worker_connections: 2000 } },
    look: "ps -o user= -C nginx | sort | uniq -c | paste -s; nginx -T 2>/dev/null | grep -c 'worker_connections 2000;'",
    shows: /^ *2 daemon\t *1 root\n1$/,
  },
  {
    options: { pid: '/run/own-nginx.pid' },
    look: '[ "$(cat /run/own-nginx.pid)" = "$(systemctl show -P MainPID nginx)" ] && echo same',
    shows: /^same$/,
  },
  ...[nginx('sendfile', 'off'), nginx('tcp_nodelay', 'off'), nginx('tcp_nopush', 'off')],
  nginx('types_hash_max_size', 1024),
  {
    options: {
      http: {
        keepalive_timeout: 0,
        access_log: '/srv/weblogs/all.log',
        error_log: '/srv/weblogs/errors.log',
      },
      vhosts: [
        {
          ...{ id: 'deep', domain: 'deep.example', port: 8443, webroot: 'public', indexes: 'home.html' },
          ssl: { self_signed: true, certificate: '/srv/tls/{domain}.pem', private_key: '/srv/tls/own.key' },
          routes: [{ uri: '/', type: 'static' }],
        },
      ],
    },
    look: `mkdir -p /var/www/deep/public; echo deep >/var/www/deep/public/home.html
curl -s -i --cacert /srv/tls/deep.example.pem --resolve deep.example:8443:127.0.0.1 https://deep.example:8443/; ls /srv/weblogs`,
    shows: /^Connection: close\r$[\s\S]*^deep\nall\.log\ndeep-access\.log\ndeep-error\.log\nerrors\.log/m,
  },
]

const ofSupervisord: Omit<Shown, 'service'>[] = [
  {
    options: {
      programs: [
        {
          name: 'speaks',
          command: "/bin/sh -c 'echo said; echo cried >&2; exec sleep 1000'",
          log: { stdout: '/var/log/supervisor/said', stderr: '/var/log/supervisor/cried' },
        },
        { name: 'waits', command: '/bin/sleep 1000', autostart: false },
      ],
    },
    look: 'cat /var/log/supervisor/said /var/log/supervisor/cried; supervisorctl status waits || true',
    shows: /^said\ncried\nwaits +STOPPED +Not started$/,
  },
]

const ofNodejs: Omit<Shown, 'service'>[] = [
  {
    options: {
      apps: [{ name: 'theirs', root: '/srv/theirs', script: 'idle.js', user: 'daemon', node_env: 'staging' }],
    },
    look: `mkdir -p /srv/theirs; echo 'setInterval(() => {}, 1e6)' >/srv/theirs/idle.js; systemctl restart app-theirs
pid=$(systemctl show -P MainPID app-theirs); ps -o user= -p $pid; tr '\\0' '\\n' </proc/$pid/environ | grep NODE_ENV`,
    shows: /^daemon\nNODE_ENV=staging$/,
  },
]

const of = (service: string, list: Omit<Shown, 'service'>[]): Shown[] =>
  list.map((each) => ({ service, ...each }))

export const shown: readonly Shown[] = [
  ...of('redis', ofRedis),
  ...of('postgresql', ofPostgresql),
  ...of('nginx', ofNginx),
  ...of('supervisord', ofSupervisord),
  ...of('nodejs', ofNodejs),
]

/** Options that are shown elsewhere: `SERVICE OPTION`s by the test that sets them on a real server. */
export const elsewhere: Record<string, string> = {
  'test/stories/catalog-docker.test.ts':
    'docker: dns images inet inet_ip inet_port registry_mirror settings sock tls.ca tls.certificate tls.private_key users',
  'test/stories/catalog-nginx.test.ts':
    'nginx: http.gzip vhosts.aliases vhosts.port vhosts.ssl.self_signed vhosts.routes.static vhosts.routes.custom',
  'test/stories/catalog-npm.test.ts': 'nodejs: packages',
  'test/stories/catalog-databases.test.ts':
    'postgresql: max_connections databases.users settings, redis: limits.maxmemory limits.policy snapshotting.save.seconds snapshotting.save.changes',
  'src/services/shazam/catalog-on-server.test.ts':
    'postgresql: ssl, redis: replication.is_slave replication.masterip replication.masterport replication.masterauth',
  // Kernel and swap of a container are its host's: its answer to them is shown there.
  'test/stories/catalog-server.test.ts':
    'server: hostname locale timezone packages repositories.name sysctl swap.enable swap.path swap.size',
  'src/services/shazam/packages-on-server.test.ts': 'server: repositories.key',
  'test/stories/logs.test.ts': 'server: syslog.host syslog.port syslog.protocol syslog.ca',
  'test/stories/catalog-programs.test.ts': 'supervisord: programs.user',
}
