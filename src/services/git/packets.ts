/** pkt-line of gitprotocol-common(5); null is the flush packet. */
export function packetLine(text: string | null): Buffer {
  if (text === null) return Buffer.from('0000')
  const content = Buffer.from(text)
  return Buffer.concat([Buffer.from((content.length + 4).toString(16).padStart(4, '0')), content])
}

/** The lines of packets, without their newlines, up to the first that is cut off. */
export function readPackets(bytes: Buffer): string[] {
  const lines: string[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = Number.parseInt(bytes.subarray(at, at + 4).toString(), 16)
    if (!Number.isInteger(length) || at + length > bytes.length) break
    if (length > 4)
      lines.push(
        bytes
          .subarray(at + 4, at + length)
          .toString()
          .replace(/\n$/, ''),
      )
    at += Math.max(4, length)
  }
  return lines
}
