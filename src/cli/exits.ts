/** What the exit code of the program says: the table of docs/cli.md. */
export const exits: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'It is done. Of `run`, `retry`, `sync` and `unlink`: it has ended well, or is queued (`--no-wait`).'],
  [
    '1',
    'It failed, or was refused: no such node, no right, no answer; a run or a sync failed; `validate` or `audit verify` found something.',
  ],
  [
    '2',
    'The line itself is wrong: no such command, option or word, or one is missing. Nothing was asked of the server for it.',
  ],
  ['130', 'You left with Ctrl-C. What you followed goes on.'],
  ['other', 'Of `ssh` alone: the exit code of the command on the server, or 255 when ssh itself failed.'],
]
