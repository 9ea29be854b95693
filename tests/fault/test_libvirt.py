"""Nothing is lost where guests are libvirt's: the daemon is killed at random and at each named step, and libvirtd stopped, with libvirt's
own test driver behind it, which has all verbs and no machine (and whose guests end with libvirtd: that is killed in test_guests.py). What is
judged is in faultload.py and libvirtload.py. By hand, longer: NOVA_FAULT_REQUESTS=10000."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from libvirtload import OnLibvirt  # noqa: E402

STEPS = ('accept-committed', 'operation-begun', 'operation-ran', 'finish-committed', 'claim', 'image', 'disks', 'config_drive', 'domain', 'active',
         'destroy', 'power_off', 'power_on', 'reboot', 'save', 'suspend', 'resume', 'rescue', 'unrescue', 'extract', 'upload', 'image-half-put')
KILLS = int(os.environ.get('NOVA_FAULT_KILLS', '20'))
REQUESTS = int(os.environ.get('NOVA_FAULT_REQUESTS', '0'))


class Kills(OnLibvirt):
    def test_killed_at_random(self):
        self.killed_at_random(KILLS, REQUESTS, 0.15, 0.5)
        self.rest_and_judge()

    def test_killed_at_each_step(self):
        self.killed_at(STEPS, (1,))
        self.rest_and_judge()


class Stops(OnLibvirt):
    """Short signs of life and a short patience, so that most stops are taken for a loss."""
    legal = {'HypervisorUnavailable'}
    options = {'periodic_interval': '5', 'sync_power_state_interval': '5', 'instance_sync_power_state_interval': '5',
               'running_deleted_instance_poll_interval': '5'}       # what libvirtd does late, after we have given it up
    patience = 30

    def test_killed_at_random_and_libvirtd_does_not_answer(self):
        self.victim.groups['libvirt'].update(keepalive_interval='1', keepalive_count='1', call_timeout='3')
        self.killed_at_random(6, REQUESTS, 0.15, 0.5, stops=15 if REQUESTS else 3)
        self.rest_and_judge(120)


if __name__ == '__main__':
    unittest.main()
