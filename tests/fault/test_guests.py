"""Nothing is lost with guests that run: qemu, emulated, below a libvirtd of the test's own, on a network of the host's. The daemon is
killed at random and at the steps that have two sides, and libvirtd is killed, and stopped so that it does not answer, under requests.
(Then what it was asked for may yet be done when we have given it up.) What is judged is in faultload.py and libvirtload.py; here also taps
and addresses. By hand, longer: NOVA_FAULT_KILLS=60, NOVA_FAULT_OUTAGES=4."""
import json
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bootguest  # noqa: E402
from libvirtload import OnLibvirt, taps  # noqa: E402
from novatest import SLOW, eventually  # noqa: E402

KILLS = int(os.environ.get('NOVA_FAULT_KILLS', '5'))
OUTAGES = int(os.environ.get('NOVA_FAULT_OUTAGES', '2'))
STEPS = ('domain', 'active', 'destroy', 'suspend', 'rescue', 'unrescue', 'copying')
QUICK = ('domain', 'active', 'destroy')         # what comes soon; the others are for a longer run


class OnGuests(OnLibvirt):
    uri, virt_type = 'qemu:///system', 'qemu'
    options = {'network': 'name=private, cidr=10.1.0.0/24, bridge=br-fault, dhcp=no'}
    instances, outstanding = 3, 4
    build = {'networks': 'auto'}
    patience = 10

    def setUp(self):
        bootguest.needs()
        super().setUp()

    def wrong_taps(self, rows, guests):
        wanted, wrong = set(), []
        for guest, state in guests.items():
            if state in (1, 3) and guest in rows:
                wanted |= {vif['devname'] for vif in json.loads(rows[guest]['network_info'] or '[]')}
        found = set(taps())
        wrong += ['tap %s is left' % t for t in sorted(found - wanted)] + ['tap %s is missing' % t for t in sorted(wanted - found)]
        # an address goes with its interface
        for row in self.victim.sql('SELECT * FROM virtual_interfaces'):
            if row['instance_uuid'] not in rows or not rows[row['instance_uuid']]['host']:
                wrong.append('interface %s is leased to %s, which has no host' % (row['address'], row['instance_uuid']))
        wrong += ['the disk of %s is being copied for nobody' % guest for guest in guests if '<mirror' in self.libvirt.virsh('dumpxml', guest)]
        for guest, row in rows.items():
            if row['host'] and not json.loads(row['network_info'] or '[]'):
                wrong.append('instance %s has no network' % guest)
        return wrong


class Killed(OnGuests):
    def test_the_daemon_is_killed_at_random(self):
        self.killed_at_random(KILLS, 0, 0.5, 3)
        self.rest_and_judge(240)

    def test_the_daemon_is_killed_at_each_step(self):
        self.killed_at(STEPS if 'NOVA_FAULT_KILLS' in os.environ else QUICK, (1,), 180 * SLOW)
        self.rest_and_judge(240)


class WithoutLibvirt(OnGuests):
    """libvirtd is killed, or does not answer, while requests go on: what was under way may fail in words, what comes waits for it, and
    all is well when it is back."""
    legal = {'HypervisorUnavailable'}
    options = {**OnGuests.options, 'periodic_interval': '5', 'sync_power_state_interval': '5', 'instance_sync_power_state_interval': '5',
               # what libvirtd does late, after we have given it up
               'running_deleted_instance_poll_interval': '5'}
    patience = 40

    def work(self):
        self.load.go_on(self.load.random.uniform(0.5, 3))

    def judged(self):
        """No more were told of the outages than can have been under way when they began."""
        told = [r for r in self.victim.journal_rows() if r['failure'] and json.loads(r['failure'])['class'] == 'HypervisorUnavailable']
        losses = self.victim.text().count('The connection to the hypervisor is lost')
        most = losses * self.instances
        return super().judged() + (['%d requests were told that there is no hypervisor, in %d losses' % (len(told), losses)]
                                   if len(told) > most else [])

    def connections(self):
        return self.victim.text().count('Connected to the hypervisor.')

    def connected(self, before):
        """Again: since there were so many."""
        def so():
            self.assertIsNone(self.victim.process.poll(), self.victim.text()[-3000:])
            return self.connections() > before
        eventually(so, 90, 'a connection')

    def test_libvirtd_is_killed(self):
        self.victim.start()
        for n in range(OUTAGES):
            self.work()
            before = self.connections()
            self.libvirt.kill()
            self.work()
            if n % 2:
                self.assertTrue(self.victim.murder(), (self.victim.process.returncode, self.victim.text()[-3000:]))
                self.victim.launch()
            self.libvirt.start()
            self.connected(before)
        self.work()
        self.rest_and_judge(240)     # a libvirtd that has just begun looks at each emulator first

    def test_libvirtd_does_not_answer(self):
        self.victim.groups['libvirt'].update(keepalive_interval='1', keepalive_count='2', call_timeout='3')
        self.victim.start()
        for n in range(OUTAGES):
            self.work()
            before = self.connections()
            self.libvirt.signal(signal.SIGSTOP)
            try:
                eventually(lambda: 'hypervisor' in self.victim.status() or self.load.go_on(0.1), 30, 'a word about the hypervisor')
                self.work()
                if n % 2:
                    self.assertTrue(self.victim.murder(), (self.victim.process.returncode, self.victim.text()[-3000:]))
                    self.victim.launch()
                    self.work()
            finally:
                self.libvirt.signal(signal.SIGCONT)
            self.connected(before)
        self.work()
        self.rest_and_judge(240)     # a libvirtd that has just begun looks at each emulator first


if __name__ == '__main__':
    unittest.main()
