/** What can be broken in a running lab by hand, one thing at a time. */

export interface Mutation {
  readonly title: string
  /** The node a command runs in, or `machine`. */
  readonly at: string
  readonly by: string
  /** Undoes what `netlab up` leaves alone. Without it `netlab up` repairs the damage. */
  readonly undo?: string
}

/**
 * Mutations of one concern, declared as text, with an empty line between them:
 *
 *   title
 *   node: command           {node} stands for a node's namespace, {pid POD.CONTAINER} for a process
 *   undo: command           where `netlab up` leaves the damage alone, as it does with what others added
 */
export function mutations(text: string): readonly Mutation[] {
  return text
    .trim()
    .split('\n\n')
    .map((block) => {
      const [title = '', command = '', undone] = block.split('\n')
      const [, at = '', by = ''] = /^(\S+): (.*)$/.exec(command) ?? []
      const undo = undone === undefined ? undefined : /^undo: (.*)$/.exec(undone)?.[1]
      if (!by || (undone !== undefined && undo === undefined)) throw new Error(`not a mutation: ${block}`)
      return { title, at, by, ...(undo === undefined ? {} : { undo }) }
    })
}

/** Whether a lab with IPv4 alone does not have what this breaks. */
export const isAboutIPv6 = ({ title, by }: Mutation): boolean => /IPv6|-6 |ip6|fd00/.test(`${title} ${by}`)
