/** Writes what derives from the topology schema: `topology.schema.json` and `docs/topology.md`. Run by `npm run generate`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { attachSchemas } from '../src/attach/index.ts'
import { backendSchemas } from '../src/backends/index.ts'
import { policySchemas } from '../src/policy/index.ts'
import { serviceSchemas } from '../src/services/index.ts'
import { jsonSchema, jsonSchemaText } from '../src/topology/schema/json-schema.ts'
import { referenceMarkdown } from '../src/topology/schema/reference.ts'

const modules = { backends: backendSchemas, attach: attachSchemas, services: serviceSchemas, policy: policySchemas }
const root = new URL('../', import.meta.url)

function write(path: string, text: string): void {
  writeFileSync(new URL(path, root), text)
  console.log(`wrote ${path}`)
}

mkdirSync(fileURLToPath(new URL('docs/', root)), { recursive: true })
write('topology.schema.json', jsonSchemaText(modules))
write('docs/topology.md', referenceMarkdown(jsonSchema(modules)))
