import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { modules as real } from '../../../src/cli/topology-file.ts'
import { jsonSchema, jsonSchemaText, type JsonSchema } from '../../../src/topology/schema/json-schema.ts'
import { referenceMarkdown } from '../../../src/topology/schema/reference.ts'
import { topologySchema } from '../../../src/topology/schema/schema.ts'
import { modules } from './fixture.ts'
import { loaded } from './load.ts'

const committed = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
describe('committed files are fresh (npm run generate)', () => {
  it('topology.schema.json', () => {
    expect(committed('topology.schema.json')).toBe(jsonSchemaText(real))
  })

  it('docs/topology.md', () => {
    expect(committed('docs/topology.md')).toBe(referenceMarkdown(jsonSchema(real)))
  })
})

describe('the JSON Schema', () => {
  const schema = jsonSchema(modules)
  const network = schema.properties!['network']!.properties!

  it('is draft-07, has an id and a title, and requires only hosts and pods', () => {
    expect(schema).toMatchObject({
      $schema: 'http://json-schema.org/draft-07/schema#',
      $id: 'urn:netlab:topology',
      title: 'netlab topology',
    })
    expect(schema.required).toEqual(['hosts', 'pods'])
    expect(Object.keys(schema.properties!)).toEqual(Object.keys(topologySchema(modules).shape))
  })

  it('offers backends by name and as objects', () => {
    const [names, objects] = network['backend']!.anyOf!
    expect(names).toMatchObject({ enum: ['vxlan', 'gre', 'ipip', 'direct'] })
    expect(objects!.oneOf!.map(({ properties }) => properties!['type']!.const)).toEqual(['vxlan', 'gre', 'ipip', 'direct'])
    expect(Object.keys(objects!.oneOf![0]!.properties!)).toEqual(['type', 'vni', 'port', 'tunnel'])
    expect(network['backend']!.default).toBe('vxlan')
  })

  it('has defaults and descriptions', () => {
    expect(network['podCIDR']).toMatchObject({ default: '10.244.0.0/16', description: expect.stringContaining('Pod network') })
    expect(schema.properties!['hosts']).toMatchObject({ minProperties: 1, propertyNames: { pattern: expect.stringContaining('a-z0-9') } })
    expect(undescribed(schema, 'top')).toEqual([])
  })

  it('refers only to definitions it has', () => {
    const text = JSON.stringify(schema)
    const wanted = [...text.matchAll(/"#\/definitions\/(\w+)"/g)].map(([, name]) => name!)
    expect(new Set(wanted)).toEqual(new Set(Object.keys(schema.definitions!)))
  })
})

/** Paths of properties without a description. A reference describes itself where it points to. */
function undescribed(schema: JsonSchema, path: string): string[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? []), ...(schema.items ? [schema.items] : [])]
  if (typeof schema.additionalProperties === 'object') inner.push(schema.additionalProperties)
  return [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, property]) => [
      ...(property.description || property.$ref ? [] : [`${path}.${key}`]),
      ...undescribed(property, `${path}.${key}`),
    ]),
    ...Object.entries(schema.definitions ?? {}).flatMap(([name, definition]) => undescribed(definition, name)),
    ...inner.flatMap((one) => undescribed(one, path)),
  ]
}

describe('the reference', () => {
  const text = referenceMarkdown(jsonSchema(modules))

  it('begins with an example that loads', () => {
    const example = /```yaml\n([^`]+)```/.exec(text)![1]!
    expect(Object.keys(loaded(example).topology.hosts)).toHaveLength(2)
  })

  it('has a row for each key', () => {
    expect(text).toContain('| `hosts` | mapping of DNS subdomain to [hosts.NAME](#hostsname) | **required** |')
    expect(text).toContain('| `vni` | integer 1–16777215 | `1` | VXLAN network identifier. |')
    expect(text).toContain('| `podCIDR` | CIDR, or a list | `10.244.0.0/16` |')
  })

  it('links only to its own headings', () => {
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => anchor(title!))
    const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target!)
    expect(links.filter((target) => !headings.includes(target))).toEqual([])
    expect(new Set(headings).size).toBe(headings.length)
  })
})

const anchor = (title: string) =>
  title
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')
