/** Ports on which nothing listens, and echo requests that are ignored. */
import { type Fault, over6 } from './fault.ts'

export const ports: readonly Fault[] = [
  {
    name: 'TCP: nobody listening',
    inject: 'true',
    args: ['pod-a', 'pod-b', '--port', '9999/tcp'],
    node: 'pod-b',
    cause: 'nobody-listening',
    outcome: 'rejected',
  },
  {
    name: 'UDP: nobody listening',
    inject: 'true',
    args: ['pod-a', 'pod-b', '--port', '9999/udp'],
    node: 'pod-b',
    cause: 'nobody-listening',
    outcome: 'rejected',
  },
  {
    name: 'answers to echoes off',
    inject: 'on pod-b sysctl -qw net.ipv4.icmp_echo_ignore_all=1',
    undo: 'on pod-b sysctl -qw net.ipv4.icmp_echo_ignore_all=0',
    node: 'pod-b',
    cause: 'no-evidence',
  },
  over6('TCP: nobody listening', 'true', 'pod-b', 'nobody-listening', {
    args: ['pod-a', 'pod-b', '--port', '9999/tcp'],
    outcome: 'rejected',
  }),
  over6('UDP: nobody listening', 'true', 'pod-b', 'nobody-listening', {
    args: ['pod-a', 'pod-b', '--port', '9999/udp'],
    outcome: 'rejected',
  }),
]
