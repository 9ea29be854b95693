"""Real guests of the daemon, asked for by Nova's own client: qemu, emulated, under a libvirt of the test's own (run inside
tests/lib/with-libvirt). They boot from tests/guest/boot.S, which says on its serial line what becomes of it."""
import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bootguest  # noqa: E402
from bootguest import IMAGE  # noqa: E402
from wireclient import eventually  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402



class OnLibvirt(OnCloud):
    driver = 'libvirt.LibvirtDriver'
    groups = {'libvirt': {'virt_type': 'qemu', 'connection_uri': 'qemu:///system'}}

    @classmethod
    def setUpClass(cls):
        bootguest.needs()
        super().setUpClass()
        bootguest.put(cls.daemon.state, IMAGE)
        bootguest.open_to_qemu(cls.daemon.state)

    def setUp(self):
        pass

    def tearDown(self):
        bootguest.remove_all()

    def built(self, **fields):
        guest = self.cloud.build(image=IMAGE, image_fields={'disk_format': 'raw'}, **fields)
        self.cloud.wait(guest, 'active', seconds=60)
        return guest

    def assertSays(self, guest, line):
        eventually(lambda: line in self.cloud.console(guest), 60, what=line)


class RealGuests(OnLibvirt):
    def test_a_guest_from_its_build_to_its_end(self):
        c = self.cloud
        guest = self.built(display_name='a <guest> & "more"')
        self.assertSays(guest, 'guest: boot 1')
        self.assertStates(guest, 'active', None, 1)
        c.stop(guest)
        c.wait(guest, 'stopped', seconds=60)
        self.assertSays(guest, 'guest: power button')
        c.start(guest)
        c.wait(guest, 'active', seconds=60)
        self.assertSays(guest, 'guest: boot 2')
        c.pause(guest)
        c.wait(guest, 'paused', seconds=60)
        c.unpause(guest)
        c.wait(guest, 'active', seconds=60)
        c.suspend(guest)
        c.wait(guest, 'suspended', seconds=60)
        c.resume(guest)
        c.wait(guest, 'active', seconds=60)
        c.reboot(guest, 'HARD')
        eventually(lambda: len(c.actions(guest)) == 8 and c.states(guest) == ('active', None, 1), 60)
        self.assertSays(guest, 'guest: boot 3')
        c.terminate(guest)
        c.wait_gone(guest, seconds=60)
        self.assertEqual(subprocess.check_output(['virsh', 'list', '--all', '--name'], text=True).split(), [])
        self.assertFalse(os.path.exists(os.path.join(self.daemon.state, 'instances', guest.uuid)))

    def test_a_guest_outlives_the_daemon_and_is_found_again(self):
        guest = self.built()
        self.assertSays(guest, 'guest: boot 1')
        self.daemon.signal(signal.SIGKILL)
        self.daemon.process.wait()
        self.daemon.start()
        self.assertSays(guest, 'guest: boot 1')         # the same boot: nobody touched it
        self.assertStates(guest, 'active', None, 1)
        self.cloud.stop(guest, clean=False)
        self.cloud.wait(guest, 'stopped', seconds=60)
        self.cloud.terminate(guest)
        self.cloud.wait_gone(guest, seconds=60)

    def test_a_guest_with_cpus_of_its_own_runs_on_them(self):
        """As Nova's API would send it; the node's CPUs are those of this machine."""
        from nova.virt import hardware
        flavor = self.cloud.flavor(extra_specs={'hw:cpu_policy': 'dedicated', 'hw:numa_nodes': '1'})
        topology = hardware.numa_get_constraints(flavor, self.cloud.objects.ImageMeta(properties=self.cloud.objects.ImageMetaProps()))
        guest = self.built(flavor=flavor, numa_topology=topology)
        self.assertSays(guest, 'guest: boot 1')
        row, = self.daemon.sql("SELECT name, numa_topology FROM instances WHERE uuid = '%s'" % guest.uuid)
        cell, = json.loads(row['numa_topology'])['nova_object.data']['cells']
        cpu = cell['nova_object.data']['cpu_pinning_raw']['0']
        node = cell['nova_object.data']['id']
        pins = subprocess.check_output(['virsh', 'vcpupin', row['name']], text=True).split('\n')[2].split()
        self.assertEqual(pins, ['0', str(cpu)])
        xml = subprocess.check_output(['virsh', 'dumpxml', row['name']], text=True)
        self.assertRegex(xml, "<memnode cellid='0' mode='strict' nodeset='%d'/>" % node)
        host = self.node_of_host(node)
        self.assertEqual((host['pinned_cpus'], host['memory_usage']), ([cpu], 64))
        # a hard reboot describes it anew, and the same
        self.cloud.reboot(guest, 'HARD')
        eventually(lambda: self.cloud.states(guest) == ('active', None, 1) and len(self.cloud.actions(guest)) == 2, 60)
        self.assertEqual(subprocess.check_output(['virsh', 'vcpupin', row['name']], text=True).split('\n')[2].split(), pins)
        self.cloud.terminate(guest)
        self.cloud.wait_gone(guest, seconds=60)
        eventually(lambda: self.node_of_host(node)['pinned_cpus'] == [], what='the CPU to be free again')

    def node_of_host(self, number):
        text = self.daemon.sql('SELECT numa_topology FROM compute_nodes WHERE deleted = 0')[0]['numa_topology']
        return next(c['nova_object.data'] for c in json.loads(text)['nova_object.data']['cells'] if c['nova_object.data']['id'] == number)

    def test_an_image_that_is_not_there_ends_in_error_and_leaves_nothing(self):
        guest = self.cloud.build(image='11111111-2222-4333-8444-555555555555')
        self.cloud.wait(guest, 'error', seconds=60)
        self.assertIn('11111111-2222-4333-8444-555555555555', self.cloud.faults(guest)[0]['message'] + self.cloud.faults(guest)[0]['details'])
        self.assertEqual(subprocess.check_output(['virsh', 'list', '--all', '--name'], text=True).split(), [])
        self.assertFalse(os.path.exists(os.path.join(self.daemon.state, 'instances', guest.uuid)))


if __name__ == '__main__':
    unittest.main(verbosity=2)
