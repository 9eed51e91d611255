export interface ServerEvent {
  id: string | undefined
  event: string
  data: string
}

/** Events of a stream as WHATWG HTML §9.2.6 reads it. Comments are skipped; what is cut off at the end is dropped. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split(/\r?\n\r?\n/)
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = parse(block)
      if (event) yield event
    }
  }
}

function parse(block: string): ServerEvent | undefined {
  const fields: Record<string, string[]> = {}
  for (const line of block.split(/\r?\n/)) {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []
    fields[name] = [...(fields[name] ?? []), value]
  }
  if (!fields.data) return undefined
  return { id: fields.id?.at(-1), event: fields.event?.at(-1) ?? 'message', data: fields.data.join('\n') }
}
