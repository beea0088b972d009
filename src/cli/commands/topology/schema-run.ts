/** `netlab schema`: the JSON Schema of topology files. */
import { jsonSchema } from '../../../topology/schema/json-schema.ts'
import { writeJson } from '../../../report/formats/terminal.ts'
import { modules } from '../../topology-file.ts'

export const schema = (): Promise<void> => writeJson(jsonSchema(modules))
