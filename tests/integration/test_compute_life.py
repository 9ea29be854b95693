"""Guests of the fake driver from their build to their end, asked for by Nova's own client (nova.compute.rpcapi with
nova.objects) over a real broker, and by Essex's messages; judged by the store, the answers and the driver."""
import os
import sys
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import SLOW, OnHost, eventually  # noqa: E402
from computeclient import Cloud  # noqa: E402


class OnCloud(OnHost):
    """A host, and Nova's client of it."""
    groups = {'fake': {'vcpus': '64', 'memory_mb': '65536', 'local_gb': '4000'}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cloud = Cloud(cls.url, host=cls.host, database=cls.daemon.database())

    def setUp(self):
        self.daemon.fault()
        self.addCleanup(self.daemon.fault)

    def built(self, **fields):
        guest = self.cloud.build(**fields)
        self.cloud.wait(guest, 'active')
        return guest

    def assertStates(self, guest, *states):
        self.assertEqual(self.cloud.states(guest), states)

    def assertNothingLeft(self, guest):
        """No guest in the driver, no row, no task."""
        row = self.cloud.wait_gone(guest)
        self.assertEqual((row['vm_state'], row['task_state'], row['power_state'], row['cleaned']), ('deleted', None, 0, 1))
        self.assertIsNotNone(row['terminated_at'])
        self.assertIsNotNone(row['deleted_at'])


class ByValue(OnCloud):
    """Zed's client."""

    def test_a_guest_from_its_build_to_its_end(self):
        c = self.cloud
        guest = c.build(metadata={'role': 'web'}, display_name='first')
        row = c.wait(guest, 'active')
        self.assertEqual((row['power_state'], row['host'], row['launched_on'], row['display_name'], row['memory_mb']),
                         (1, self.host, self.host, 'first', 64))
        self.assertIsNotNone(row['launched_at'])
        self.assertEqual(row['name'], 'instance-%08x' % row['id'])

        c.stop(guest)
        self.assertEqual(c.wait(guest, 'stopped')['power_state'], 4)
        c.start(guest)
        self.assertEqual(c.wait(guest, 'active')['power_state'], 1)
        c.reboot(guest)
        eventually(lambda: len(c.actions(guest)) == 4 and c.states(guest) == ('active', None, 1))
        c.reboot(guest, 'HARD')
        eventually(lambda: len(c.actions(guest)) == 5 and c.states(guest) == ('active', None, 1))
        c.pause(guest)
        self.assertEqual(c.wait(guest, 'paused')['power_state'], 3)
        c.unpause(guest)
        self.assertEqual(c.wait(guest, 'active')['power_state'], 1)
        c.suspend(guest)
        self.assertEqual(c.wait(guest, 'suspended')['power_state'], 7)
        c.resume(guest)
        self.assertEqual(c.wait(guest, 'active')['power_state'], 1)
        c.terminate(guest)
        self.assertNothingLeft(guest)
        self.assertEqual(c.faults(guest), [])
        self.assertEqual(c.actions(guest), [
            (action, None, [(event, 'Success')]) for action, event in (
                ('create', 'compute__do_build_and_run_instance'), ('stop', 'compute_stop_instance'),
                ('start', 'compute_start_instance'), ('reboot', 'compute_reboot_instance'), ('reboot', 'compute_reboot_instance'),
                ('pause', 'compute_pause_instance'), ('unpause', 'compute_unpause_instance'),
                ('suspend', 'compute_suspend_instance'), ('resume', 'compute_resume_instance'),
                ('delete', 'compute_terminate_instance'))])


if __name__ == '__main__':
    unittest.main(verbosity=2)
