/** Real programs behind the routes of nginx: a WebSocket that answers, a CGI script behind fcgiwrap, Python behind uWSGI. */
export const backendPackages = ['fcgiwrap', 'uwsgi-plugin-python3']

export const routes = [
  { uri: '/socket', type: 'websocket', to: '127.0.0.1:8090' },
  { uri: '/run.cgi', type: 'fastcgi', to: 'unix:/run/fcgiwrap.socket' },
  { uri: '/py', type: 'uwsgi', to: 'python' },
]
export const upstreams = [{ name: 'python', backends: ['127.0.0.1:8091'] }]

/** Frames of the test are short, masked and whole: a length of one byte, then the mask, then the text (RFC 6455, 5.2). */
const socket = `const { createServer } = require('http')
const { createHash } = require('crypto')
const answers = (text) => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])
createServer((_, answer) => answer.end('no WebSocket'))
  .on('upgrade', ({ headers, url }, socket) => {
    const proof = createHash('sha1').update(headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + proof + '\\r\\n\\r\\n')
    socket.on('data', (frame) => {
      if ((frame[0] & 15) === 8) return socket.end(Buffer.from([0x88, 0]))
      const text = Buffer.from(frame.subarray(6, 6 + (frame[1] & 127)).map((byte, i) => byte ^ frame[2 + (i % 4)]))
      socket.write(answers(text + ' at ' + url + ' for ' + headers['x-real-ip']))
    })
  })
  .listen(8090, '127.0.0.1')`

const python = `def application(request, start):
    start('200 OK', [('Content-Type', 'text/plain')])
    return [' '.join(request[key] for key in ('REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'HTTP_HOST')).encode()]`

const script = `#!/bin/sh
printf 'Content-Type: text/plain\\n\\n%s %s %s' "$REQUEST_METHOD" "$SCRIPT_NAME" "$QUERY_STRING"`

export const startBackends = `set -e
mkdir -p /srv/backends
cat >/srv/backends/socket.js <<'END'
${socket}
END
cat >/srv/backends/app.py <<'END'
${python}
END
cat >/var/www/ways/run.cgi <<'END'
${script}
END
chmod 755 /var/www/ways/run.cgi
systemd-run -q --unit test-socket node /srv/backends/socket.js
systemd-run -q --unit test-python uwsgi --plugin python3 --socket 127.0.0.1:8091 --wsgi-file /srv/backends/app.py
for port in 8090 8091; do
  until ss -Hltn "sport = :$port" | grep -q .; do sleep 0.1; done
done`
