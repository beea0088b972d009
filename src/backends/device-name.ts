/** What a backend's own device is called: as netlab names it, or as a real system does. */
import { isReservedDevice } from '../lab/names.ts'
import type { OptionTypes } from '../topology/schema/schema.ts'

/**
 * The option of a backend with a device a host.
 * @param also what may stand in the name besides characters, as the source of a regular expression
 */
export const deviceOption = (z: OptionTypes, name: string, { also = '', more = '' } = {}) =>
  z
    .string()
    .regex(
      new RegExp(`^[a-z](?:[a-z0-9._-]${also}){0,14}$`),
      'expected a lower-case letter, then at most 14 letters, digits, ".", "_" and "-"',
    )
    .refine((text) => !isReservedDevice(text), 'this name belongs to something else in the host')
    .default(name)
    .describe(`Name of the device on every host.${more}`)
