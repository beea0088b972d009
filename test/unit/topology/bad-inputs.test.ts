import { describeBadInputs } from './bad-input.ts'
import { LAB, type BadInput } from './load.ts'

const SHAPES: BadInput[] = [
  {
    name: 'neither hosts nor pods',
    text: 'name: demo\n',
    finds: ['1:1 missing-key', '1:1 missing-key'],
    says: ['`hosts` is missing', '`pods` is missing', '`hosts: { node-1: {} }` and `pods: { pod-a: {} }`'],
  },
  { name: 'no host', text: 'hosts: {}\npods: {}\n', finds: ['1:8 no-hosts'], says: ['at least one: `hosts: { node-1: {} }`'] },
  { name: 'no segment', text: `${LAB}underlay: { segments: {} }\n`, finds: ['3:23 no-segments'], says: ['remove the key for the default'] },
  {
    name: 'a section without content',
    text: 'hosts:\npods: {}\n',
    finds: ['1:1 wrong-type'],
    says: ['hosts: expected a mapping, found nothing', 'write `{}`'],
  },
  {
    name: 'a host without content',
    text: 'hosts:\n  node-1:\n  node-2: {}\npods: {}\n',
    finds: ['2:3 wrong-type'],
    says: ['hosts.node-1: expected a mapping, found nothing', 'write `{}`'],
  },
  {
    name: 'hosts as a list',
    text: 'hosts:\n  - node-1\npods: {}\n',
    finds: ['1:1 wrong-type'],
    says: ['expected a mapping, found a list', 'without "- "'],
  },
  {
    name: 'hosts as a text',
    text: 'hosts: node-1\npods: {}\n',
    finds: ['1:8 wrong-type'],
    says: ['found the text "node-1"', '`key: value`'],
  },
  {
    name: 'a scalar where a list is meant',
    text: `${LAB}manifests: k8s/*.yaml\n`,
    finds: ['3:12 wrong-type'],
    says: ['expected a list, found the text "k8s/*.yaml"', '[a, b]'],
  },
]

const KEYS: BadInput[] = [
  {
    name: 'a port of a host for a container of an external',
    text: `${LAB}externals:\n  x: { containers: [{ name: a, ports: [{ containerPort: 80, hostPort: 8080 }] }] }\n`,
    finds: ['4:61 unknown-key'],
    says: ['unknown key "hostPort" in externals.x.containers[0].ports[0]'],
  },
  {
    name: 'a mistyped key',
    text: 'hosts: { node-1: {} }\npods:\n  load: { replica: 50 }\n',
    finds: ['3:11 unknown-key'],
    says: ['unknown key "replica" in pods.load', 'did you mean `replicas`?'],
  },
  {
    name: 'a mistyped key of the top level',
    text: `nmae: x\n${LAB}`,
    finds: ['1:1 unknown-key'],
    says: ['unknown key "nmae"\n', '`name`'],
  },
  {
    name: 'a key that resembles none',
    text: 'hosts: { node-1: { colour: red } }\npods: {}\n',
    finds: ['1:20 unknown-key'],
    says: ['allowed here: segment, address, podCIDR, labels, mtu, replicas'],
  },
  {
    name: 'a key of another letter case',
    text: `${LAB}network: { podCidr: 10.0.0.0/8 }\n`,
    finds: ['3:12 unknown-key'],
    says: ['did you mean `podCIDR`?'],
  },
  {
    name: 'a key that belongs one level down',
    text: `${LAB}backend: gre\n`,
    finds: ['3:1 unknown-key'],
    says: ['did you mean `network.backend`?'],
  },
  {
    name: 'a key suggests none that is there already',
    text: 'hosts: { node-1: {} }\npods: { a: { host: node-1, hosts: node-1 } }\n',
    finds: ['2:28 unknown-key'],
    says: ['allowed here: host, labels'],
  },
  {
    name: 'the name of a method as key',
    text: 'hosts: { node-1: { constructor: 1, toString: 2 } }\npods: {}\n',
    finds: ['1:20 unknown-key', '1:36 unknown-key'],
  },
  {
    name: 'a name with capitals and underscores',
    text: 'hosts: { Node_1: {} }\npods: {}\n',
    finds: ['1:10 invalid-name'],
    says: ['hosts.Node_1: "Node_1" is not a valid name', 'did you mean `node-1`?'],
  },
  {
    name: 'a name that is too long',
    text: `hosts: { node-1: {} }\npods:\n  ${'a'.repeat(254)}: {}\n  ${'b'.repeat(64)}/c: {}\nservices:\n  ${'d'.repeat(64)}: { ports: [{ port: 1 }] }\n`,
    finds: ['3:3 invalid-name', '4:3 invalid-name', '6:3 invalid-name'],
    says: ['is too long for a name', 'at most 253', 'at most 63'],
  },
  {
    name: 'dots in the name of a namespace, a Service, an external',
    text: `${LAB}services: { a.b: { ports: [{ port: 1 }] } }\nexternals: { c.d: {} }\npolicies: { e.f/g.h: {} }\n`,
    finds: ['3:13 invalid-name', '4:14 invalid-name', '5:13 invalid-name'],
    says: ['did you mean `a-b`?', 'did you mean `e-f/g.h`?'],
  },
  {
    name: 'a pod in a namespace in a namespace',
    text: 'hosts: { node-1: {} }\npods: { a/b/c: {} }\n',
    finds: ['2:9 invalid-name'],
    says: ['names are `name` or `namespace/name`'],
  },
  {
    name: 'an item without what it must have',
    text: `${LAB}expect:\n  - { from: pod-a }\n`,
    finds: ['4:5 missing-key'],
    says: ['expect[0]: `to` is missing', 'add `to:`'],
  },
  {
    name: 'a container without a name',
    text: 'hosts: { node-1: {} }\npods:\n  a: { containers: [{ command: [sh] }] }\n',
    finds: ['3:21 missing-key'],
    says: ['pods.a.containers[0]: `name` is missing', 'add `name:` with a name'],
  },
]

const VALUES: BadInput[] = [
  {
    name: 'a number in quotes',
    text: 'hosts: { node-1: {} }\npods: { a: { replicas: "7" } }\n',
    finds: ['2:24 wrong-type'],
    says: ['pods.a.replicas: expected a whole number, found the text "7"', 'remove the quotes'],
  },
  {
    name: 'a fraction',
    text: 'hosts: { n: { mtu: 1.5 } }\npods: {}\n',
    finds: ['1:20 wrong-type'],
    says: ['expected a whole number, found the number 1.5'],
  },
  {
    name: 'infinity',
    text: 'hosts: { n: { mtu: .inf } }\npods: {}\n',
    finds: ['1:20 wrong-type'],
    says: ['expected a whole number, found the number Infinity'],
  },
  {
    name: 'too many replicas',
    text: 'hosts: { n: {} }\npods: { a: { replicas: 70000 } }\n',
    finds: ['2:24 out-of-range'],
    says: ['pods.a.replicas: 70000 is more than the maximum, 50000', 'from 1 to 50000'],
  },
  {
    name: 'a number beyond all integers',
    text: 'hosts: { n: {} }\npods: { a: { replicas: 99999999999999999999999 } }\n',
    finds: ['2:24 out-of-range'],
    says: ['more than the maximum, 50000'],
  },
  {
    name: 'no replica',
    text: 'hosts: { n: { replicas: 0 } }\npods: {}\n',
    finds: ['1:25 out-of-range'],
    says: ['less than the minimum, 1'],
  },
  {
    name: 'a truth value of YAML 1.1',
    text: `${LAB}network: { masquerade: yes }\n`,
    finds: ['3:24 wrong-type'],
    says: ['expected true or false or a mapping, found the text "yes"', 'write true'],
  },
  {
    name: 'a label that is a truth value',
    text: 'hosts: { n: {} }\npods: { a: { labels: { on: true } } }\n',
    finds: ['2:28 wrong-type'],
    says: ['pods.a.labels.on: expected text, found the truth value true', 'quote it: "true"'],
  },
  {
    name: 'a label that is a number, as it was written',
    text: 'hosts: { n: {} }\npods: { a: { labels: { version: 1.10 } } }\n',
    finds: ['2:33 wrong-type'],
    says: ['quote it: "1.10"'],
  },
  {
    name: 'a label without a value',
    text: 'hosts: { n: {} }\npods: { a: { labels: { app: } } }\n',
    finds: ['2:24 wrong-type'],
    says: ['found nothing'],
  },
  {
    name: 'a label key with a space',
    text: 'hosts: { n: {} }\npods: { a: { labels: { "my app": x } } }\n',
    finds: ['2:24 invalid-label'],
    says: ['pods.a.labels."my app": "my app" is not a valid label key'],
  },
  {
    name: 'a label value with a slash',
    text: 'hosts: { n: {} }\npods: { a: { labels: { app: a/b } } }\n',
    finds: ['2:29 invalid-label'],
    says: ['"a/b" is not a valid label value'],
  },
  {
    name: 'a host that is a number',
    text: 'hosts: { "1": {} }\npods: { a: { host: 1 } }\n',
    finds: ['2:20 wrong-type'],
    says: ['expected a name, found the number 1', 'quote it: "1"'],
  },
  {
    name: 'a mistyped choice',
    text: `${LAB}expect: [{ from: a, to: b, result: alow }]\n`,
    finds: ['3:36 invalid-value'],
    says: ['"alow" is not one of allow, deny', 'did you mean `allow`?'],
  },
  {
    name: 'a choice of another type',
    text: `${LAB}expect: [{ from: a, to: b, result: true }]\n`,
    finds: ['3:36 wrong-type'],
    says: ['expected allow or deny, found the truth value true'],
  },
  {
    name: 'a port without its protocol',
    text: `${LAB}expect: [{ from: a, to: b, port: 80 }]\n`,
    finds: ['3:34 wrong-type'],
    says: ['expected PORT/PROTOCOL such as 80/tcp, or icmp, found the number 80'],
  },
  {
    name: 'a port beyond the last',
    text: `${LAB}expect: [{ from: a, to: b, port: 65536/tcp }]\n`,
    finds: ['3:34 invalid-port'],
    says: ['1 to 65535'],
  },
  { name: 'port 0', text: `${LAB}expect: [{ from: a, to: b, port: 0/tcp }]\n`, finds: ['3:34 invalid-port'] },
  {
    name: 'two ports of one name',
    text: 'hosts: { n: {} }\npods:\n  a: { containers: [{ name: c, ports: [{ name: x, containerPort: 1 }, { name: x, containerPort: 2 }] }] }\n',
    finds: ['3:79 duplicate-name'],
  },
]

describeBadInputs('shapes', SHAPES)
describeBadInputs('keys', KEYS)
describeBadInputs('values', VALUES)
