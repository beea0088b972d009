/** `netlab schema`: the JSON Schema of topology files. */
import { jsonSchema } from '../topology/json-schema.ts'
import { writeJson } from '../report/terminal.ts'
import { modules } from './context.ts'

export const schema = (): Promise<void> => writeJson(jsonSchema(modules))
