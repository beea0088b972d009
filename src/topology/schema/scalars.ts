/** The small value types of the topology format. */
import * as z from 'zod'
import { formatCidr, parseCidr, parseIp, type Cidr } from '../address.ts'
import { quote } from './format.ts'
import { textRule, wording, type Verdict } from './messages.ts'
import { LABEL } from './rules.ts'

/** A schema that is made when it is first needed: those of Kubernetes' objects are large, and few files hold them. */
export function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/** RFC 1123 subdomain, labels joined by dots: what Kubernetes accepts as the name of nearly everything else. */
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const LABEL_RULE = 'lower-case letters, digits and "-", at most 63, beginning and ending with a letter or digit'
const SUBDOMAIN_RULE = 'lower-case letters, digits, "-" and ".", at most 253, beginning and ending with a letter or digit'

/** The nearest name that would do: `Web_1` → `web-1`. */
const asLabel = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '')

const asSubdomain = (text: string): string =>
  text
    .slice(0, 253)
    .split('.')
    .map(asLabel)
    .filter((part) => part !== '')
    .join('.')

/** What a name may be: a label or a subdomain. */
interface NameRule {
  readonly matches: (text: string) => boolean
  readonly fix: (text: string) => string
  readonly rule: string
  readonly longest: number
}

const AS_LABEL: NameRule = { matches: (text) => LABEL.test(text), fix: asLabel, rule: LABEL_RULE, longest: 63 }
const AS_SUBDOMAIN: NameRule = { matches: (text) => SUBDOMAIN.test(text), fix: asSubdomain, rule: SUBDOMAIN_RULE, longest: 253 }

function badName(text: string, isLong: boolean, fixed: string, rule: string): Verdict {
  const message = isLong ? `${quote(text)} is too long for a name` : `${quote(text)} is not a valid name`
  const hint = fixed !== '' && !isLong ? `did you mean \`${fixed}\`? Names are ${rule}` : `names are ${rule}`
  return { code: 'invalid-name', message, hint }
}

const nameType = (title: string, pattern: RegExp, { matches, fix, rule, longest }: NameRule): z.ZodString =>
  textRule({
    title,
    description: `${title} (RFC 1123).`,
    expected: 'a name',
    pattern,
    check: (text) => (matches(text) ? undefined : badName(text, text.length > longest, fix(text), rule)),
  })

export const label = nameType('DNS label', LABEL, AS_LABEL)
export const subdomain = nameType('DNS subdomain', SUBDOMAIN, AS_SUBDOMAIN)

/** `name` (namespace default) or `namespace/name`: a namespace is a label, the name by its own rule. */
function namespaced(pattern: RegExp, { matches, fix, rule, longest }: NameRule): z.ZodString {
  return textRule({
    title: 'namespaced name',
    description: '`name` or `namespace/name`.',
    expected: '`name` or `namespace/name`',
    pattern,
    check: (text) => {
      const parts = text.split('/')
      const [name = '', namespace] = parts.toReversed()
      if (parts.length <= 2 && matches(name) && (namespace === undefined || LABEL.test(namespace))) return undefined
      const fixed = [...(namespace === undefined ? [] : [asLabel(namespace)]), fix(name)]
      const isLong = name.length > longest || (namespace ?? '').length > AS_LABEL.longest
      return badName(
        text,
        isLong,
        parts.length <= 2 && fixed.every((part) => part !== '') ? fixed.join('/') : '',
        `\`name\` or \`namespace/name\`: ${rule}`,
      )
    },
  })
}

/** Of Services. */
export const namespacedLabel = namespaced(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$/, AS_LABEL)
/** Of pods and policies. */
export const namespacedName = namespaced(
  /^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  AS_SUBDOMAIN,
)

/** Kubernetes' "qualified name": `app`, `app.kubernetes.io/name`. */
const QUALIFIED = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

function evaluateLabelKey(text: string): Verdict | undefined {
  const [prefix] = text.split('/')
  if (QUALIFIED.test(text) && (!text.includes('/') || SUBDOMAIN.test(prefix!))) return undefined
  const hint = 'a label key is [domain/]name; the name has at most 63 letters, digits, "-", "_" and "."'
  return { code: 'invalid-label', message: `${quote(text)} is not a valid label key`, hint }
}

/** A host name such as an ExternalName service points to. */
export const domainName = textRule({
  title: 'DNS name',
  description: 'DNS name (RFC 1123).',
  expected: 'a DNS name',
  pattern: SUBDOMAIN,
  check: (text) =>
    SUBDOMAIN.test(text)
      ? undefined
      : { code: 'invalid-name', message: `${quote(text)} is not a DNS name`, hint: 'such as db.example.com' },
})

const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

/** A qualified name: label keys and what Kubernetes names alike. */
export const labelKey = textRule({
  title: 'label key',
  description: 'Label key.',
  expected: 'a label key',
  pattern: QUALIFIED,
  check: evaluateLabelKey,
})

export const labelValue = textRule({
  title: 'label value',
  description: 'Label value.',
  expected: 'text',
  pattern: LABEL_VALUE,
  check: (text) => {
    if (LABEL_VALUE.test(text)) return undefined
    const hint = 'a label value has at most 63 letters, digits, "-", "_" and ".", and begins and ends with a letter or digit'
    return { code: 'invalid-label', message: `${quote(text)} is not a valid label value`, hint }
  },
})

/** Label keys to values: labels themselves and selectors. YAML's unquoted `true` or `1` is refused, as Kubernetes does. */
export const labelMap = z.record(labelKey, labelValue)
export const labels = labelMap.default({}).describe('Labels: strings to strings.')

export const portNumber = z.int().min(1).max(65_535).describe('Port number.').register(wording, { expected: 'a port number (1 to 65535)' })

/** IANA service name (RFC 6335): what a container calls a port, and what `targetPort` and policies may refer to. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/
const PORT_NAME_RULE = 'a port name has at most 15 lower-case letters, digits and single "-", and at least one letter'

export const portName = textRule({
  title: 'port name',
  description: 'Name of a port (RFC 6335).',
  expected: 'the name of a port',
  pattern: PORT_NAME,
  check: (text) => {
    if (PORT_NAME.test(text)) return undefined
    const hint = /^\d+$/.test(text) ? 'remove the quotes: in quotes it is the name of a port' : PORT_NAME_RULE
    return { code: 'invalid-name', message: `${quote(text)} is not a valid port name`, hint }
  },
})

/** A port of a pod: its number, or the name its container gave it. */
export const portOrName = z.union([portNumber, portName]).register(wording, { expected: 'a port number, or the name of a port' })
export const protocol = z.enum(['TCP', 'UDP', 'SCTP']).describe('Transport protocol.')

export const ip = textRule({
  title: 'IP address',
  description: 'IP address.',
  expected: 'an IP address such as 10.244.0.10',
  check: (text) => {
    if (parseIp(text)) return undefined
    const address = text.split('/')[0]!
    const hint = text.includes('/') && parseIp(address) ? `leave out the prefix length: ${address}` : ipHint(text)
    return { code: 'invalid-address', message: `${quote(text)} is not an IP address`, hint }
  },
})

function ipHint(text: string): string {
  if (/^\d+(\.\d+){3}$/.test(text)) {
    return text.split('.').some((part) => Number(part) > 255)
      ? 'each of the four numbers is at most 255'
      : 'write the numbers without leading zeros: some tools read those as octal'
  }
  return 'an address looks like 10.244.0.10 or fd00:10:244::10'
}

/** Why a text is no network, or undefined. Host bits are a matter of their own. */
function evaluateNetwork(text: string): Verdict | undefined {
  if (parseCidr(text)) return undefined
  const message = `${quote(text)} is not a network`
  const ip = parseIp(text)
  if (ip) return { code: 'invalid-network', message, hint: `add the prefix length, for example ${text}/${ip.family === 4 ? 24 : 64}` }
  const [address = '', length = ''] = text.split('/')
  const base = parseIp(address)
  const hint =
    base && /^\d+$/.test(length)
      ? `the prefix length is at most ${base.family === 4 ? 32 : 128}`
      : 'a network looks like 10.244.0.0/16 or fd00:10:244::/48'
  return { code: 'invalid-network', message, hint }
}

const NETWORK = 'a network such as 10.244.0.0/16 or fd00:10:244::/48'

/** A network whose host bits may be set, as Kubernetes allows in an `ipBlock`. */
export const lenientCidr = textRule({
  title: 'CIDR',
  description: 'IP network in CIDR notation.',
  expected: NETWORK,
  check: evaluateNetwork,
})

const cidr = textRule({
  title: 'CIDR',
  description: 'IP network in CIDR notation.',
  expected: NETWORK,
  check: (text) => evaluateNetwork(text) ?? evaluateHostBits(text, parseCidr(text)!),
})

function evaluateHostBits(text: string, network: Cidr): Verdict | undefined {
  if (parseIp(text.split('/')[0]!)?.value === network.base) return undefined
  const message = `${quote(text)} has bits set beyond its prefix length`
  return { code: 'host-bits', message, hint: `did you mean ${formatCidr(network)}?` }
}

/** One value, or one per family; always a list afterwards. */
const byFamily = (item: z.ZodString, expected: string, family: (s: string) => number | undefined) =>
  z
    .union([item.transform((one) => [one]), z.array(item).min(1).max(2)])
    .superRefine((list, context) => {
      const families = list.map(family).filter((known) => known !== undefined) // the others have been complained about
      if (new Set(families).size === families.length) return
      const hint = 'two values are for dual stack: one IPv4 and one IPv6'
      context.addIssue({ code: 'custom', message: 'both are of the same family', params: { code: 'same-family', hint } })
    })
    .register(wording, { expected })

export const ipByFamily = byFamily(ip, 'an IP address, or a list of one IPv4 and one IPv6 address', (s) => parseIp(s)?.family)
export const cidrByFamily = byFamily(cidr, `${NETWORK}, or a list of one IPv4 and one IPv6 network`, (s) => parseCidr(s)?.family)
