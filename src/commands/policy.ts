/** `netlab policy`: what the NetworkPolicies of a file or a running lab come to. Needs no root: the model knows. */
import { existsSync } from 'node:fs'
import type { Lab } from '../model/lab.ts'
import { policiesOf, type Protocol } from '../model/policies.ts'
import { probeText, reachability, type PortProbe } from '../model/reachability.ts'
import { verdict, type Party } from '../model/verdict.ts'
import { explanationDocument, explanationText, policyDocument, policyText, type Explained } from '../report/policy.ts'
import { chalkFor, writeJson, writeOut } from '../report/terminal.ts'
import { labNames } from '../state/store.ts'
import type { Family } from '../topology/address.ts'
import { compileFile } from './context.ts'
import { Exit, failure } from './failure.ts'
import { callName, theLab, theNode } from './labs.ts'
import { warn } from './warn.ts'

interface PolicyOptions {
  readonly port?: readonly string[]
  readonly json?: true
}

interface ExplainOptions {
  readonly lab?: string
  readonly port?: string
  readonly family?: '4' | '6'
  readonly json?: true
}

/** A word is a running lab's name, or else a file; what looks like a path is never taken for a lab. */
function subject(word: string | undefined): Lab {
  const isFile = word !== undefined && (/[./]/.test(word) || (!labNames().includes(word) && existsSync(word)))
  if (!isFile) return theLab(word).lab
  const { compiled, warnings } = compileFile(word, { force: true })
  warn(warnings, word)
  return compiled.lab
}

function portOf(text: string): PortProbe {
  if (text.toLowerCase() === 'icmp') return { protocol: 'ICMP' }
  const m = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i.exec(text)
  const port = Number(m?.[1])
  if (!m || port < 1 || port > 65_535)
    throw failure(Exit.Usage, 'bad-port', `--port ${text}: expected a port and a protocol, or icmp`, 'Such as 80/tcp, 53/udp or icmp.')
  return { protocol: (m[2] ?? 'tcp').toUpperCase() as Protocol, port }
}

export async function policy(word: string | undefined, options: PolicyOptions): Promise<void> {
  const lab = subject(word)
  const policies = policiesOf(lab)
  const result = options.port ? reachability(lab, options.port.map(portOf)) : reachability(lab)
  if (options.json) return writeJson(policyDocument(lab.name, policies, result))
  return writeOut([policyText(policies, result, chalkFor(process.stdout))])
}

function partyOf(lab: Lab, word: string): Party {
  const node = theNode(lab, word)
  if (node.kind === 'pod' || node.kind === 'host' || node.kind === 'external') return node
  throw failure(Exit.Usage, 'no-party', `${word} is a ${node.kind}: policies are about pods, and hosts and externals that talk to them`)
}

/** A family both ends have. */
function familyOf(from: Party, to: Party, asked: string | undefined): Family {
  const families = asked === undefined ? ([4, 6] as const) : [Number(asked) as Family]
  const family = families.find((f) => [from, to].every((p) => p.addresses.some((a) => a.family === f)))
  if (family === undefined)
    throw failure(
      Exit.Usage,
      'no-common-family',
      `${callName(from)} and ${callName(to)} have no address of the same family${asked === undefined ? '' : `, IPv${asked}`}`,
    )
  return family
}

/** Ends with exit code 1 when the answer is no. */
export async function explain(fromWord: string, toWord: string, options: ExplainOptions): Promise<void> {
  const lab = subject(options.lab)
  const [from, to] = [partyOf(lab, fromWord), partyOf(lab, toWord)]
  const probe = portOf(options.port ?? 'icmp')
  const family = familyOf(from, to, options.family)
  const explained: Explained = {
    from: callName(from),
    to: callName(to),
    port: probeText(probe),
    family,
    verdict: verdict(lab, { from, to, ...probe, family }),
  }
  if (!explained.verdict.allowed) process.exitCode = Exit.Broken
  if (options.json) return writeJson(explanationDocument(explained))
  return writeOut([explanationText(explained, chalkFor(process.stdout))])
}
