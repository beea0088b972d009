/** Writes what derives from the topology schema: `topology.schema.json` and `docs/topology.md`. Run by `npm run generate`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { modules } from '../src/cli/topology-file.ts'
import { jsonSchema, jsonSchemaText } from '../src/topology/schema/json-schema.ts'
import { referenceMarkdown } from '../src/topology/schema/reference.ts'

const root = new URL('../', import.meta.url)

function write(path: string, text: string): void {
  writeFileSync(new URL(path, root), text)
  console.log(`wrote ${path}`)
}

mkdirSync(fileURLToPath(new URL('docs/', root)), { recursive: true })
write('topology.schema.json', jsonSchemaText(modules))
write('docs/topology.md', referenceMarkdown(jsonSchema(modules)))
