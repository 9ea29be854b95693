"""Nothing is lost: requests go on while the daemon is killed at random and at every named step, and while the broker is restarted.
What is judged is in faultload.py. By hand, longer: NOVA_FAULT_REQUESTS=10000 for the random part."""
import os
import re
import subprocess
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faultload import Scene, judge  # noqa: E402
from novatest import SLOW, eventually  # noqa: E402

# journal first: before and after each of its writes; then those of the methods
JOURNAL_STEPS = ('accept-uncommitted', 'accept-committed', 'request-acked', 'operation-begun', 'operation-ran', 'finish-uncommitted',
                 'finish-committed', 'outcome-recorded', 'reply-sent')
METHOD_STEPS = ('claim', 'network', 'disks', 'domain', 'plugged', 'active', 'destroy', 'power_off', 'power_on', 'reboot', 'save', 'suspend',
                'resume')
RANDOM_KILLS = int(os.environ.get('NOVA_FAULT_KILLS', '130'))
REQUESTS = int(os.environ.get('NOVA_FAULT_REQUESTS', '0'))


class Kills(Scene):
    def test_killed_at_random(self):
        choose = self.load.random
        self.victim.launch()
        began = time.monotonic()
        while self.victim.kills < RANDOM_KILLS if not REQUESTS else len(self.load.requests) < REQUESTS:
            # now while it starts, now in full work
            self.load.go_on(choose.uniform(0.02, 0.15) if choose.random() < 0.3 else choose.uniform(0.1, 0.4))
            self.assertTrue(self.victim.murder(), self.victim.text()[-3000:])
            self.load.go_on(0.005)
            self.victim.launch()
        print('%.0f s' % (time.monotonic() - began), flush=True)
        self.rest_and_judge()
        self.assertGreater(len(self.load.requests), self.victim.kills)

    def killed_at(self, steps, rounds):
        for step in steps:
            for n in rounds:
                self.victim.launch(environment={'NOVA_FAULT_STEP': '%s:%d' % (step, n)})
                self.until_it_dies('step %s was not reached %d times' % (step, n))
        self.rest_and_judge()

    def test_killed_at_each_step_of_the_journal(self):
        self.killed_at(JOURNAL_STEPS, (1, 2, 3, 5, 8))

    def test_killed_at_each_step_of_the_methods(self):
        self.killed_at(METHOD_STEPS, (1, 2))

    def test_a_dry_run_says_what_the_start_will_do_and_changes_nothing(self):
        v = self.victim
        # one that hangs in the driver, one behind it, one with a reply that is owed; a guest and a row too many
        v.groups['fake']['fault_file'] = faults = os.path.join(v.folder, 'faults')
        open(faults, 'w').close()
        v.start()
        guest, other = str(uuid.uuid4()), str(uuid.uuid4())
        for each in (guest, other):
            self.load.send('build', each)
        self.assertEqual(self.load.wait_for_all(), [])
        with open(faults, 'w', encoding='ascii') as f:
            f.write('power_off:hang\n')
        self.load.send('stop', guest)
        eventually(lambda: [r['state'] for r in v.journal_rows()][2:] == ['begun'])
        self.load.send('start', guest)
        eventually(lambda: [r['state'] for r in v.journal_rows()][2:] == ['begun', 'accepted'])
        v.murder()
        os.unlink(faults)
        v.change("UPDATE requests SET reply = 'wanted' WHERE id = 1", path=v.journal)
        v.change("UPDATE instances SET uuid = '%s' WHERE uuid = '%s'" % (str(uuid.uuid4()), other))

        def contents():
            names = sorted(n for n in os.listdir(v.state) if os.path.isfile(os.path.join(v.state, n)) and not n.endswith('-shm'))
            return [(n, open(os.path.join(v.state, n), 'rb').read()) for n in names]
        before = contents()
        said = subprocess.run([v.binary, '--config-file', v.conf, '--recover-dry-run'], stdout=subprocess.PIPE, check=True,
                              text=True).stdout.splitlines()
        self.assertEqual(contents(), before)
        for pattern in (r'request 1: build_and_run_instance of instance %s \(rpc, accepted .* UTC, done\): its reply is sent' % guest,
                        r'request 3: stop_instance of instance %s \(rpc, accepted .*, begun.*\): runs again' % guest,
                        r'request 4: start_instance of instance %s \(rpc, accepted .*, accepted\): runs$' % guest,
                        r'instance %s \(active, powering-off, guest running\): its open requests come first' % guest,
                        r'instance .* \(active, no task, guest missing\): its guest is missing', r'guest %s: it has no row' % other,
                        r'3 requests, 2 instances, 1 guests; nothing was changed'):
            self.assertTrue([line for line in said if re.search(pattern, line)], '%s in %s' % (pattern, said))
        self.assertEqual(len(said), 7, said)

        v.start()
        self.assertEqual(self.load.wait_for_all(), [])
        self.assertEqual([r['state'] for r in v.journal_rows()], ['done'] * 4)
        eventually(lambda: [r['reply'] for r in v.journal_rows()] == ['sent'] * 4)
        self.assertEqual(v.sql("SELECT vm_state, task_state FROM instances WHERE uuid = '%s'" % guest),
                         [{'vm_state': 'active', 'task_state': None}])

    def test_the_harness_can_fail(self):
        """A row that is changed behind the daemon's back, and an outcome that is taken away, are found."""
        self.victim.start()
        self.load.go_on(0.5 * SLOW)
        self.load.wait_for_all()
        eventually(lambda: not any(r['reply'] == 'wanted' for r in self.victim.journal_rows()))
        self.assertEqual(judge(self.load, self.victim, self.victim.fake_guests()), [])
        self.victim.stop()
        done = [r for r in self.victim.journal_rows() if r['state'] == 'done']
        self.victim.change("DELETE FROM requests WHERE id = %d" % done[0]['id'],
                           "UPDATE requests SET state = 'failed' WHERE id = %d" % done[1]['id'], path=self.victim.journal)
        self.victim.change("UPDATE instances SET task_state = 'rebooting', vm_state = 'active', power_state = 1 WHERE row = "
                           "(SELECT max(row) FROM instances WHERE deleted = 0)")
        guests = self.victim.fake_guests()
        guests[str(uuid.uuid4())] = 1
        wrong = ' / '.join(judge(self.load, self.victim, guests))
        for part in ('was never accepted', 'is failed, and was answered None', 'is left with task_state rebooting', 'has no row'):
            self.assertIn(part, wrong)


if __name__ == '__main__':
    unittest.main()
