import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isProblem } from '#kit/problem.ts'
import { addressesIn, render, renderText, renderTree } from './index.ts'

const scope = {
  db: { ip: '10.0.0.2', port: 3306, tags: ['a', 'b'], up: true },
  text: 'x',
  nothing: null,
  evil: '{{ secrets.token }}',
  secrets: { token: 's3cret' },
}

const throws = (template: string, reason: RegExp) =>
  assert.throws(
    () => render(template, scope),
    (error) => isProblem(error, 'invalid') && reason.test(error.message),
  )

describe('a template', () => {
  it('that is one address keeps the type of the value', () => {
    assert.equal(render('{{ db.port }}', scope), 3306)
    assert.equal(render('{{ db.up }}', scope), true)
    assert.deepEqual(render('{{ db.tags }}', scope), ['a', 'b'])
    assert.deepEqual(render('{{ db }}', scope), scope.db)
    assert.equal(render('{{ nothing }}', scope), null)
    assert.equal(render('{{ db.port | plus: 1 }}', scope), 3307)
  })

  it('among text gives text', () => {
    assert.equal(render('{{ db.ip }}:{{ db.port }}', scope), '10.0.0.2:3306')
    assert.equal(render('a{{ nothing }}b', scope), 'ab')
  })

  it('reads JSON in a text with parse_json, every digit of a large number kept', () => {
    const read = { ...scope, body: '{"ref":"main","id":356686000032329832,"n":[1]}' }
    assert.equal(
      render('{% assign b = body | parse_json %}{{ b.ref }} {{ b.id }}', read),
      'main 356686000032329832',
    )
    assert.deepEqual(render('{{ body | parse_json }}', read), {
      ref: 'main',
      id: '356686000032329832',
      n: [1],
    })
    assert.equal(render('{{ nothing | parse_json }}', scope), null)
    throws('{{ text | parse_json }}', /parse_json: "x" is not JSON/)
  })

  it('shows lists and maps in text as JSON', () => {
    assert.equal(renderText('tags = {{ db.tags }}', scope), 'tags = ["a","b"]')
    assert.equal(renderText('{{ db.tags | join: " " }}', scope), 'a b')
  })

  it('is never rendered twice', () => {
    assert.deepEqual(renderTree({ a: '{{ evil }}', b: ['x {{ evil }}'] }, scope), {
      a: '{{ secrets.token }}',
      b: ['x {{ secrets.token }}'],
    })
    assert.equal(renderText('{% capture x %}{{ evil }}{% endcapture %}{{ x }}', scope), '{{ secrets.token }}')
  })

  it('leaves what is no template as it is', () => {
    const tree = { a: 1, b: [true, null, 'x } y'], c: { d: 'e' } }
    assert.deepEqual(renderTree(tree, scope), tree)
  })

  it('names an unknown variable and the nearest', () => {
    throws('{{ db.prt }}', /unknown variable "db\.prt", did you mean "db\.port"\?/)
    throws('{{ txt }}', /unknown variable "txt", did you mean "text"\?/)
  })

  it('names an unknown filter and the nearest', () =>
    throws('{{ text | upcas }}', /unknown filter "upcas", did you mean "upcase"\?/))

  it('reaches nothing of the engine or the language', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
      throws(`{{ db.${name} }}`, /unknown variable/)
      throws(`{{ ${name} }}`, /unknown variable/)
      throws(`{{ text.${name} }}`, /unknown variable/)
      throws(`{{ db["${name}"] }}`, /unknown variable/)
    }
  })

  it('reads no file and changes nothing', () => {
    for (const tag of [
      "include 'x'",
      "render 'x'",
      "layout 'x'",
      'increment n',
      'echo text',
      "cycle 'a', 'b'",
    ])
      throws(`{% ${tag} %}`, /unknown tag/)
  })

  it('may ask whether an address is there', () => {
    assert.equal(renderText('{% if db.port %}p{% endif %}{% if db.x %}x{% endif %}', scope), 'p')
    assert.equal(render("{{ db.x | default: 'y' }}", scope), 'y')
  })

  it('has bounds of time and memory', { timeout: 20_000 }, () => {
    throws('{% for i in (1..100000000) %}{{ i }}{% endfor %}', /too much/)
    const loops = `${'{% for i in (1..3000) %}'.repeat(4)}x${'{% endfor %}'.repeat(4)}`
    throws(loops, /too much/)
  })

  it('tells its addresses, without those it makes itself', () => {
    assert.deepEqual(
      addressesIn({
        a: '{{ db.ip }} {{ web.configuration.nginx.http.gzip | upcase }}',
        b: ['{{ db.ip }}'],
        c: 'plain',
      }),
      ['db.ip', 'web.configuration.nginx.http.gzip'],
    )
    assert.deepEqual(addressesIn('{% assign x = vars.a %}{% for i in db.tags %}{{ i }}{{ x }}{% endfor %}'), [
      'vars.a',
      'db.tags',
    ])
    assert.deepEqual(addressesIn('{{ web.configuration.nginx.vhosts[0].domain }} {{ a[b.c].d }}'), [
      'web.configuration.nginx.vhosts.0.domain',
      'a',
      'b.c',
    ])
    assert.deepEqual(addressesIn('{{ not closed'), [])
  })
})
