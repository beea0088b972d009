/** Counts what held and collects what did not: the checks of one promise. */
import type { Check, Group } from '../check.ts'
import type { Answer, Question } from '../probing/question.ts'
import { type Noun, plural } from '../../plural.ts'

/** What failed: the pair, and why. */
export type Failing = Pick<Check, 'detail'> & Partial<Pick<Check, 'from' | 'to' | 'port' | 'source' | 'reproduce'>>

type Promised = Pick<Check, 'id' | 'group' | 'title' | 'source'>

export class Tally {
  readonly #check: Promised
  #tested = 0
  readonly #failing: Failing[] = []

  constructor(group: Group, id: string, title: string, source?: Check['source']) {
    this.#check = { id, group, title, ...(source === undefined ? {} : { source }) }
  }

  /** One probe or reading: undefined, if it is as promised. */
  add(failing: Failing | undefined): void {
    this.#tested++
    if (failing) this.#failing.push(failing)
  }

  get tested(): number {
    return this.#tested
  }

  /**
   * One check if all held, one for every failure, one that is skipped if there was nothing to look at.
   * @param counted what `tested` counts, for the detail of a check that passed: `pair`
   * @param nothing why there was nothing to look at
   */
  checks(counted: Noun, nothing: string): Check[] {
    if (this.#tested === 0) return [{ ...this.#check, status: 'skipped', detail: nothing, tested: 0 }]
    if (this.#failing.length === 0)
      return [
        {
          ...this.#check,
          status: 'passed',
          detail: plural(this.#tested, counted),
          tested: this.#tested,
        },
      ]
    return this.#failing.map((f) => ({ ...this.#check, status: 'failed', ...f, tested: this.#tested }))
  }
}

/** How a port is written: `80/tcp`, `icmp`. */
export const portText = (q: Pick<Question, 'kind' | 'port'>): string => (q.kind === 'icmp' ? 'icmp' : `${q.port}/${q.kind}`)

const OUTCOMES: Readonly<Record<Answer['outcome'], string>> = {
  ok: 'answered',
  refused: 'refused',
  timeout: 'no answer',
  unreachable: 'unreachable',
  prohibited: 'prohibited',
  'too-long': 'too long',
  error: 'failed',
}

/** An answer in a few words: `no answer`, `refused (Connection refused)`, `answered by shop/cart, which saw 10.0.0.1:4711`. */
export function answerText(a: Answer | undefined): string {
  if (!a) return 'it was never asked'
  const by = a.by === undefined ? '' : ` by ${a.by}${a.seen === undefined ? '' : `, which saw ${a.seen}`}`
  const text = a.text ? ` (${a.text})` : ''
  const after = a.outcome === 'timeout' ? ` within ${(a.ms / 1000).toFixed(1)} s` : ''
  return `${OUTCOMES[a.outcome]}${by}${after}${text}`
}

/** The command that shows a question's way. SCTP cannot be traced. */
export function traceArguments(
  q: Pick<Question, 'kind' | 'port' | 'family' | 'size'>,
  from: string,
  to: string,
): readonly string[] | undefined {
  if (q.kind === 'sctp') return undefined
  return [
    'trace',
    from,
    to,
    ...(q.kind === 'icmp' ? [] : ['--port', portText(q)]),
    ...(q.size === undefined ? [] : ['--size', String(q.size)]),
    ...(q.family === 6 ? ['--family', '6'] : []),
  ]
}
