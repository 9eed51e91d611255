/**
 * Every error that crosses a boundary: code, HTTP status, sentence, and what to do next.
 * `{…}` in both is filled from the problem's data. What to do may depend on its `kind`.
 */
export const problems = {
  invalid: [400, 'The request does not fit: {reason}', 'Correct the named field.'],
  unauthenticated: [401, 'Nobody is signed in: {reason}', 'Sign in with `devops login`, or send a token.'],
  forbidden: [403, '{user} may not {action}', 'Ask the owner of the repository for a role that may.'],
  administrators_only: [403, '{user} may not {action}', 'Ask an administrator of the platform.'],
  token_scope: [
    403,
    'This token is for {reach}: to {action} takes one for {needs}',
    'Use another: `devops token add TITLE --scope SCOPE`.',
  ],
  not_found: [404, 'There is no {what}', 'Check the name; `devops list` shows what there is.'],
  unanswered: [
    503,
    'Nobody can tell {question}: {reason}',
    'Nothing was changed. Try again in a moment; if it stays, check that every service of the platform runs.',
  ],
  unjudged: [
    503,
    'The descriptors could not be judged: {reason}',
    'Nothing was changed. Try again in a moment; if it stays, make the descriptors smaller, or split the repository.',
  ],
  unagreed: [
    409,
    '{loss}, and nobody has agreed to that (`git push -o {option}`)',
    'Agree with a push, of an empty commit if nothing else changes: `git commit --allow-empty`.',
  ],
  unaudited: [
    503,
    'The audit cannot be written, so nothing was changed: {reason}',
    'Look at the platform’s log whether the disk is full or the master key gone.',
  ],
  unsigned: [
    401,
    'The delivery is not taken: {reason}',
    'Sign it with the secret that the webhook names in its task.',
  ],
  address_refused: [
    403,
    'Nothing is taken from {from} here',
    'Add it to `allow` of the webhook in its task.',
  ],
  too_large: [413, '{what} is larger than {limit}', 'Send less at once.'],
  media_type: [415, '{reason} is not accepted here', 'Send it as the API documents it, uncompressed.'],
  method: [405, '{path} does not take {method}', 'Use {allow}.'],
  too_many: [429, 'Too many {what}', 'Wait {seconds} s, and try again.'],
  exists: [409, '{what} exists already', 'Choose another name, or use the one that is there.'],
  conflict: [409, '{reason}', 'Look at the present state and try again.'],
  refused: [422, 'The descriptors are refused', 'Correct what is listed and push again.'],
  unreachable: [
    502,
    'Node {node} cannot be reached: {reason}',
    'Check that it is up and that its SSH port is open.',
  ],
  login_refused: [
    502,
    'Node {node} refuses the login of {user} at {where}',
    'Check the user name, and the password or key that it should accept.',
  ],
  host_key: [
    502,
    'Node {node} shows another host key than before: {reason}',
    'If the change is yours, accept it with `devops trust NODE SHA256:…`; if not, somebody may be in between.',
  ],
  no_systemd: [
    409,
    'Node {node} does not run systemd, by which its services are started',
    'Use a system that boots with systemd; in a container, let its init be systemd.',
  ],
  look_hangs: [
    504,
    'Node {node} does not answer within its time what is asked about its {what}',
    'Check whether a network file system or a directory service hangs there; the next sync looks again.',
  ],
  sudo_refused: [502, 'Node {node} refuses sudo to user {user}', 'Give the user passwordless sudo.'],
  rolled_back: [
    409,
    'Commit {commit} was rolled back by {by} and is not applied again',
    'Push a new commit; what was good of the former can be cherry-picked.',
  ],
  plan_moved: [409, 'Plan {plan} does not hold any more: {reason}', 'Look anew with `devops plan`.'],
  provider: [
    502,
    'Provider {provider} refused: {reason}',
    {
      retry: 'It may pass by itself; a sync is tried again.',
      quota: 'Free something there, or have the quota raised.',
      credentials: 'Ask the provider about them: `devops credential check NAME`.',
      final: 'Correct the descriptor, or what it names.',
    },
  ],
  disk_full: [
    503,
    'The platform’s disk is full, so nothing was changed',
    'Free space on the disk of the platform’s data folder, and try again: it goes on by itself.',
  ],
  not_ready: [503, 'The platform is not ready: {reason}', 'Check its log and the disk of its data folder.'],
  no_answer: [503, 'Nobody answers {call}', 'Start the service that answers it.'],
  deadline: [504, '{call} took longer than {ms} ms', 'Try again; if it stays, look at the platform’s log.'],
  cancelled: [499, '{call} was cancelled', 'Nothing to do.'],
  fenced: [
    409,
    'This attempt was overtaken by attempt {current}',
    'Nothing to do: the newer attempt goes on.',
  ],
  internal: [500, 'Something of ours broke: {reason}', 'Look at the platform’s log and report it.'],
} as const satisfies Record<
  string,
  readonly [status: number, sentence: string, next: string | Readonly<Record<string, string>>]
>

export type ProblemCode = keyof typeof problems
