#!/usr/bin/python3
"""Brings up HOSTS Mininet hosts on Linux bridges, PORTS a bridge, without a controller, and down again.

Prints the seconds that took, as JSON. Loading Python and Mininet is not counted.
usage: mininet-lab.py HOSTS PORTS
"""
import json
import sys
import time

from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import Topo


class Chain(Topo):
    """Bridges in a row, each with its hosts."""

    def build(self, hosts, ports):  # pylint: disable=arguments-differ
        bridge = None
        for i in range(hosts):
            if i % ports == 0:
                before, bridge = bridge, self.addSwitch('s%d' % (i // ports + 1))
                if before:
                    self.addLink(before, bridge)
            self.addLink(self.addHost('h%d' % (i + 1)), bridge)


setLogLevel('error')
hosts, ports = map(int, sys.argv[1:])
begin = time.monotonic()
net = Mininet(topo=Chain(hosts, ports), switch=LinuxBridge, controller=None, build=False, ipBase='10.0.0.0/8')
try:
    net.build()
    net.start()
    up = time.monotonic()
    # A network that is up but does not work would be no comparison.
    lost = net.ping([net.hosts[0], net.hosts[-1]], timeout='2')
    stop = time.monotonic()
finally:
    net.stop()
down = time.monotonic()
print(json.dumps({'up': up - begin, 'down': down - stop, 'lost': lost}))
