import type { AskContext, Bus } from '#bus'
import type { CallName, Input, Output } from '#contracts'

type Handlers = {
  [K in CallName]?: (input: Input<K>, context: AskContext) => Promise<Output<K>>
}

/** Answers each call with its handler, until the stack is disposed. */
export function answerAll(parts: { bus: Bus; stack: AsyncDisposableStack }, handlers: Handlers): void {
  for (const name of Object.keys(handlers) as CallName[]) answerOne(parts, name, handlers)
}

function answerOne<K extends CallName>(
  { bus, stack }: { bus: Bus; stack: AsyncDisposableStack },
  name: K,
  handlers: Handlers,
): void {
  const handler = handlers[name]
  if (handler) stack.defer(bus.answer(name, handler))
}
