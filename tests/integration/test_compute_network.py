"""Guests with networks of the host's own: asked for by Nova's client over a real broker, made by the real daemon in the sandbox's
network namespace; judged by the store, the kernel and dnsmasq. (The driver is the fake one: what a guest hears is tried in
test-local-host.c.)"""
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import SLOW, Host, eventually  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402

PORT = '6f9e2a10-0000-4000-8000-0000000000aa'


def links():
    return {link['ifname']: link for link in json.loads(subprocess.run(['ip', '-json', 'address', 'show'], check=True, stdout=subprocess.PIPE).stdout)}


def dnsmasqs():
    """Command lines of those that run."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/cmdline' % pid, 'rb') as f:
                arguments = f.read().decode().split('\0')
        except OSError:
            continue
        if os.path.basename(arguments[0]) == 'dnsmasq':
            found.append(arguments)
    return found


class LocalNetworks(OnCloud):
    options = {'network': 'name=private, cidr=10.1.0.0/24, bridge=br-test, dhcp=%s' % ('yes' if shutil.which('dnsmasq') else 'no'),
               'network_port': 'id=%s, network=private, mac=fa:16:3e:aa:00:01, address=10.1.0.200' % PORT}

    @classmethod
    def make(cls, host, driver=None, **options):
        """As root, who may change the sandbox's network; that the unit's user may too is tried in the system tests."""
        daemon = Host(cls.url, driver=driver or cls.driver, host=host, options=options, groups={g: dict(v) for g, v in cls.groups.items()})
        cls.addClassCleanup(daemon.close)
        return daemon

    def tearDown(self):
        """Whatever a test did: who is gone has nothing."""
        for row in self.cloud.sql('SELECT uuid FROM instances WHERE deleted = 0'):
            self.cloud.terminate(self.cloud.refreshed(self.cloud.known(row['uuid'])))
            self.cloud.wait_gone(row['uuid'])
        self.assertNothingLeased()

    def assertNothingLeased(self):
        self.assertEqual(self.cloud.sql('SELECT address FROM fixed_ips'), [])
        self.assertEqual(self.cloud.sql('SELECT uuid FROM virtual_interfaces'), [])
        self.assertEqual(dnsmasqs(), [])

    def assertFault(self, guest, what):
        """The state is told a moment before the reason."""
        eventually(lambda: what in json.dumps(self.cloud.faults(guest)), 10, what)

    def vifs(self, guest):
        return json.loads(self.cloud.row(guest)['network_info'])

    def addresses(self, guest):
        return [ip['address'] for vif in self.vifs(guest) for subnet in vif['network']['subnets'] for ip in subnet['ips']]

    def hosts(self, network):
        with open(os.path.join(self.daemon.state, 'networks', network + '.hosts'), encoding='ascii') as f:
            return f.read()

    def test_a_guest_is_joined_to_the_only_network(self):
        guest = self.built(networks='auto', hostname='web-1')
        vif, = self.vifs(guest)
        self.assertEqual((vif['type'], vif['network']['bridge'], vif['network']['label']), ('bridge', 'br-test', 'private'))
        bridge = links()['br-test']
        self.assertIn('UP', bridge['flags'])
        if shutil.which('dnsmasq'):
            self.assertIn(('10.1.0.1', 24), [(a['local'], a['prefixlen']) for a in bridge['addr_info']])
            self.assertEqual(self.hosts(vif['network']['id']), '%s,%s,web-1\n' % (vif['address'], self.addresses(guest)[0]))
            self.assertEqual(len(dnsmasqs()), 1)
        self.cloud.terminate(guest)
        self.assertGone(guest)
        self.assertNothingLeased()

    def test_what_is_asked_for_is_got_or_refused_by_name(self):
        guest = self.built(networks=[{'network_id': 'private', 'address': '10.1.0.77'}])
        self.assertEqual(self.addresses(guest), ['10.1.0.77'])
        for networks, what in (([{'network_id': 'private', 'address': '10.1.0.77'}], 'already in use on instance ' + guest.uuid),
                               (['elsewhere'], 'Network elsewhere could not be found'),
                               ([{'port_id': '6f9e2a10-0000-4000-8000-0000000000ab'}], 'could not be found'),
                               ([{'network_id': 'private', 'address': '10.9.0.1'}], 'does not exist in network')):
            with self.subTest(what):
                other = self.cloud.build(networks=networks)
                self.cloud.wait(other, 'error')
                self.assertFault(other, what)
                self.assertEqual(self.cloud.sql('SELECT address FROM fixed_ips'), [{'address': '10.1.0.77'}])

    def test_a_declared_port_is_one_guests_at_a_time(self):
        guest = self.built(networks=[{'port_id': PORT}])
        vif, = self.vifs(guest)
        self.assertEqual((vif['id'], vif['address'], vif['preserve_on_delete']), (PORT, 'fa:16:3e:aa:00:01', True))
        self.assertEqual(self.addresses(guest), ['10.1.0.200'])
        other = self.cloud.build(networks=[{'port_id': PORT}])
        self.cloud.wait(other, 'error')
        self.assertFault(other, 'Port %s is still in use' % PORT)
        self.cloud.terminate(guest)
        self.cloud.wait_gone(guest)
        self.built(networks=[{'port_id': PORT}])

    def test_many_at_once_have_an_address_each(self):
        guests = [self.cloud.build(networks='auto') for _ in range(20)]
        for guest in guests:
            self.cloud.wait(guest, 'active', seconds=60)
        found = [address for guest in guests for address in self.addresses(guest)]
        self.assertEqual((len(found), len(set(found))), (20, 20))
        self.assertEqual(len(self.cloud.sql('SELECT DISTINCT address FROM virtual_interfaces')), 20)

    def test_a_build_that_fails_gives_its_network_back(self):
        self.daemon.fault('spawn:fail')
        guest = self.cloud.build(networks='auto')
        self.cloud.wait(guest, 'error')
        self.assertNothingLeased()

    def test_a_kill_leaves_neither_a_lease_too_many_nor_one_too_few(self):
        kept = self.built(networks='auto')
        before = self.addresses(kept)
        self.daemon.fault('spawn:slow:3')
        building = self.cloud.build(networks='auto')
        eventually(lambda: len(self.cloud.sql('SELECT id FROM fixed_ips')) == 2, 20)
        self.daemon.kill()
        self.daemon.fault()
        self.daemon.start()
        self.assertEqual(self.addresses(kept), before)
        # However that build ends: its leases are those of a living instance.
        eventually(lambda: (self.cloud.states(building) or ('', 'gone', 0))[1] is None or self.cloud.row(building)['deleted'], 30 * SLOW)
        leased = {row['instance_uuid'] for row in self.cloud.sql('SELECT instance_uuid FROM virtual_interfaces')}
        self.assertIn(kept.uuid, leased)
        self.assertLessEqual(leased, {kept.uuid, building.uuid})
        if shutil.which('dnsmasq'):
            self.assertEqual(len(dnsmasqs()), 1)


if __name__ == '__main__':
    unittest.main(verbosity=2)
