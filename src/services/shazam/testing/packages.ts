import { quote } from '../quote.ts'

/** A package that a test makes: small, so that apt's own work is all that is waited for. */
export interface LocalPackage {
  name: string
  version?: string
  depends?: string
  provides?: string
  /** Path -> content; those below /etc are configuration. */
  files?: Record<string, string>
  /** `postinst`, `postrm` … -> lines for sh. */
  scripts?: Record<string, string>
}

const folder = '/srv/apt'

/** A repository of these packages on the node, known to its apt; the lists of all others count as fresh. */
export const offerPackages = (packages: readonly LocalPackage[]): string =>
  `set -e
mkdir -p ${folder} /run/devops
${packages.map(build).join('\n')}
echo 'deb [trusted=yes] file:${folder} ./' >/etc/apt/sources.list.d/local.list
# A server that has just started may be refreshing its lists by itself.
tries=60
until apt-get -q update -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/local.list -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 >/dev/null; do
  tries=$((tries - 1))
  [ $tries -gt 0 ]
  sleep 1
done
touch /run/devops/refreshed`

function build({ name, version = '1.0', depends, provides, files = {}, scripts = {} }: LocalPackage): string {
  const root = `/tmp/build-${name}`
  const put = (path: string, text: string, mode: string) =>
    `install -D -m ${mode} /dev/stdin ${quote(`${root}${path}`)} <<'END'\n${text}\nEND`
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: test',
    ...(depends ? [`Depends: ${depends}`] : []),
    ...(provides ? [`Provides: ${provides}`] : []),
    'Description: made by a test',
  ].join('\n')
  const conffiles = Object.keys(files).filter((path) => path.startsWith('/etc/'))
  const deb = `${name}_${version}.deb`
  return [
    `rm -rf ${root}`,
    put('/DEBIAN/control', control, '644'),
    ...(conffiles.length ? [put('/DEBIAN/conffiles', conffiles.join('\n'), '644')] : []),
    ...Object.entries(scripts).map(([script, text]) =>
      put(`/DEBIAN/${script}`, `#!/bin/sh\nset -e\n${text}`, '755'),
    ),
    ...Object.entries(files).map(([path, text]) => put(path, text, '644')),
    `dpkg-deb --build --root-owner-group ${root} ${folder}/${deb} >/dev/null`,
    `{ cat ${root}/DEBIAN/control; echo "Filename: ./${deb}"; echo "Size: $(stat -c %s ${folder}/${deb})"; echo "SHA256: $(sha256sum <${folder}/${deb} | cut -d' ' -f1)"; echo; } >>${folder}/Packages`,
  ].join('\n')
}
