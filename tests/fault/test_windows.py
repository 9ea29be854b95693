"""What is accepted before it is a request of its own, or without a journal: parts of a request, builds that wait for their turn. The daemon
is killed between the one and the other."""
import os
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faultload import EVENTS, Scene  # noqa: E402
from novatest import SLOW, eventually  # noqa: E402

STEPS = ('accept-uncommitted', 'accept-committed', 'request-acked', 'operation-begun', 'operation-ran', 'finish-uncommitted',
         'finish-committed', 'outcome-recorded', 'reply-sent')


class Parts(Scene):
    def test_what_an_event_asks_for_is_done_once_for_each(self):
        """Sent to a quiet daemon, so that the steps counted are theirs: an event has three rows, itself and one for each of its parts."""
        self.victim.start()
        guest = str(uuid.uuid4())
        self.load.send('build', guest)
        self.assertEqual(self.load.wait_for_all(), [])
        sent = 0
        for step in STEPS:
            for n in (1, 2, 3):
                if step == 'reply-sent' and n > 1:      # of its parts nobody waits for one
                    continue
                self.victim.murder()
                self.victim.launch(environment={'NOVA_FAULT_STEP': '%s:%d' % (step, n)})
                end = time.monotonic() + 30 * SLOW
                while not self.victim.died_by_itself():
                    self.assertLess(time.monotonic(), end, 'step %s was not reached %d times' % (step, n))
                    if not self.load.open:
                        self.load.send('events', guest)
                        sent += 1
                    self.load.hear(0.01)
        self.victim.start()
        self.assertEqual(self.load.wait_for_all(), [])
        eventually(lambda: all(r['state'] == 'done' for r in self.victim.journal_rows()), what='the end of all')
        rows = self.victim.journal_rows()
        for event in [r for r in rows if r['method'] == 'external_instance_event']:
            parts = [r for r in rows if (r['unique_id'] or '').startswith('part/%d/' % event['id'])]
            self.assertEqual([r['method'] for r in parts], ['_instance_network_event'] * len(EVENTS), event)
            self.assertTrue(all(r['instance_uuid'] == guest for r in parts))
        self.assertEqual(len(rows), 1 + sent * (1 + len(EVENTS)))
        print('%d events, %d kills' % (sent, self.victim.kills), flush=True)


class NoJournal(Scene):
    """The broker keeps what has not ended, and brings it again: each build is built, or has failed with a reason."""
    options = {'request_journal': 'false', 'max_concurrent_builds': '2'}

    def test_builds_that_wait_are_not_lost(self):
        v, load = self.victim, self.load
        v.groups['fake']['fault_file'] = faults = os.path.join(v.folder, 'faults')
        waiting = 0
        for n in range(4):
            with open(faults, 'w', encoding='ascii') as f:
                f.write('spawn:hang\n')
            v.start()
            for _ in range(8):
                load.send('build', str(uuid.uuid4()))
            # two hang, six wait for them
            eventually(lambda: len(v.sql("SELECT uuid FROM instances WHERE task_state = 'spawning'")) == 2, what='two builds under way')
            waiting += len(load.open)
            v.murder()
            os.unlink(faults)
            v.start()
            self.assertEqual(load.wait_for_all(), [])
            v.stop()
        self.assertEqual(waiting, 4 * 8)
        states = {r['uuid']: r for r in v.sql('SELECT * FROM instances WHERE deleted = 0')}
        guests = v.fake_guests()
        built = 0
        for r in load.requests.values():
            row = states[r.instance]
            self.assertIsNone(row['task_state'])
            if row['vm_state'] == 'active':
                built += 1
                self.assertEqual((r.replies[0][1], guests[r.instance]), (None, 1))
            else:
                self.assertEqual(row['vm_state'], 'error')
                self.assertIsNotNone(r.replies[0][1])
                self.assertNotIn(r.instance, guests)
                self.assertTrue(v.sql("SELECT id FROM instance_faults WHERE instance_uuid = '%s'" % r.instance))
        # those that had begun were taken back
        self.assertEqual(built, 4 * 6)


if __name__ == '__main__':
    unittest.main()
