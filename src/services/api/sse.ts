/** One server-sent event (WHATWG HTML §9.2). A message without data is a comment: it keeps the line alive. */
export interface Message {
  id?: string
  event?: string
  data?: unknown
}

export const heartbeat: Message = {}

export function encode({ id, event, data }: Message): string {
  if (data === undefined) return ':\n\n'
  const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`
  return `${head}data: ${JSON.stringify(data)}\n\n`
}

export async function* encodeAll(messages: AsyncIterable<Message>): AsyncGenerator<string> {
  // The head of the answer leaves with the first chunk: a client must not wait for a line to know that it is heard.
  yield encode(heartbeat)
  for await (const message of messages) yield encode(message)
}

/** The data alone, an object a line. A stream that breaks off ends with the problem. */
export async function* encodeLines(messages: AsyncIterable<Message>): AsyncGenerator<string> {
  for await (const { data } of messages) if (data !== undefined) yield `${JSON.stringify(data)}\n`
}
