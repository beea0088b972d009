/** What a host's ends of its pods' links are called: `p1-pod-a`, or as a real system names them. */
import { sha1 } from '../lab/hash.ts'
import { digestName, isReservedDevice } from '../lab/names.ts'
import type { ModuleChoice, OptionTypes } from '../topology/schema/schema.ts'

/** The option every attach module with a link for each pod takes. */
export const interfacesOption = (z: OptionTypes) =>
  z
    .string()
    .regex(/^(?=.{7,15}$)[a-z][a-z-]*#{6,}$/, 'expected letters, then at least 6 "#", 15 characters at most, such as cali###########')
    .refine((name) => !isReservedDevice(name.replace('#', '-')), 'this name belongs to something else in the host')
    .optional()
    .describe(
      'Names of the host ends of pods: each `#` is a hexadecimal digit of the SHA-1 of `NAMESPACE.NAME`, so `cali###########` names them as Calico does. Default: `p1-NAME`, a number and the name.',
    )

/** What a host's end of a pod's link is called, if the option says so. */
export function interfaceOf(
  { interfaces }: ModuleChoice,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string | undefined {
  return typeof interfaces === 'string' ? digestName(interfaces, sha1(`${namespace}.${name}`)) : undefined
}
