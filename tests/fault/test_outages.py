"""Nothing is lost while what the daemon leans on goes away: the broker is killed and started, the disk is full; and the daemon is
killed in the middle of that. What is judged is in faultload.py."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faultload import LEGAL_FAILURES, Load, Templates, Victim, judge, outcomes  # noqa: E402
from broker import Broker  # noqa: E402
from novatest import SLOW, eventually  # noqa: E402
from wireclient import Raw  # noqa: E402


class Outage(unittest.TestCase):
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(os.path.join(tempfile.mkdtemp(prefix='nova-outage.'), 'broker'), management=True).start()
        cls.addClassCleanup(cls.broker.kill)
        cls.vhost = cls.broker.vhost('outage-' + uuid.uuid4().hex[:8])
        cls.templates = Templates(cls.broker.url(cls.vhost), 'testhost')

    def begin(self, prepare=lambda victim: None):
        self.victim = Victim(self.broker.url(self.vhost), options=self.options)
        self.addCleanup(self.victim.close)
        prepare(self.victim)
        self.load = Load(self.broker, self.vhost, templates=self.templates)
        self.addCleanup(self.load.close)
        self.victim.start()

    def settled(self, **more):
        """Judged until it is well: what only a periodic task repairs takes its time."""
        last = []

        def well():
            last[:] = judge(self.load, self.victim, self.victim.fake_guests(), **more)
            return not last
        try:
            eventually(well, 30, 'a world without contradictions')
        except AssertionError:
            # what the log has of the instances that are named, else its end
            named = set(re.findall(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', ' '.join(last[:3])))
            story = [line for line in self.victim.text().splitlines() if any(uuid in line for uuid in named)]
            self.fail('%s\n%s' % ('\n'.join(last[:20]), '\n'.join(story[-60:]) or self.victim.text()[-4000:]))
        print('%d requests, %d kills: %s' % (len(self.load.requests), self.victim.kills, outcomes(self.victim)), flush=True)


class Broken(Outage):
    def consuming(self):
        try:
            return Raw.declared(self.broker, self.vhost, 'compute.testhost').consumer_count > 0
        except Exception:                       # py-amqp has one for each reason, and sockets theirs
            return False

    def test_the_broker_is_killed(self):
        """What it had not delivered is gone with it; what was accepted is not."""
        self.begin()
        for n in range(4):
            self.load.go_on(0.4 * SLOW)
            self.broker.kill()
            if n % 2:
                self.victim.murder()
                self.victim.launch()
            self.broker.start()
            eventually(self.consuming, 60, 'consumers')
            self.load.reconnect()
        self.load.go_on(0.3 * SLOW)
        self.assertEqual(self.load.wait_for_all(), [])
        accepted = len(self.victim.journal_rows())
        self.assertGreater(accepted, 50)
        self.settled(lost_by_broker=True)


class Full(Outage):
    options = {'periodic_interval': '1', 'sync_power_state_interval': '1', 'instance_sync_power_state_interval': '1'}

    def mount(self, victim):
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', victim.state], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', victim.state], check=False)
        os.makedirs(os.path.join(victim.state, 'instances'))

    def fill(self):
        with open(os.path.join(self.victim.state, 'filler'), 'ab', buffering=0) as f:
            for size in (1 << 20, 1 << 16, 4096, 512, 1):
                try:
                    while True:
                        f.write(b'x' * size)
                except OSError:
                    pass

    def empty(self):
        os.unlink(os.path.join(self.victim.state, 'filler'))

    def test_the_disk_is_full(self):
        """Requests wait with the broker meanwhile, the daemon says why, and all goes on by itself; also when it is killed then."""
        # what fails for want of room in the middle is told so
        self.enterContext(unittest.mock.patch.object(sys.modules['faultload'], 'LEGAL_FAILURES', LEGAL_FAILURES | {'DBError'})) \
            if hasattr(self, 'enterContext') else LEGAL_FAILURES.add('DBError')
        self.begin(self.mount)
        seen = 0
        for n in range(4):
            self.load.go_on(0.3 * SLOW)
            self.fill()
            # what still fits into the logs of the databases fits; then the one or the other says why not
            self.load.go_on(0.5 * SLOW)
            eventually(lambda: 'no room' in self.victim.status() or self.load.go_on(0.05), 20, 'a word about the disk')
            if n == 1:
                self.victim.murder()
                self.victim.launch()
                self.load.go_on(0.5 * SLOW)
            if 'journal: ' in self.victim.status():
                seen += 1
                accepted = len(self.victim.journal_rows())
                self.load.go_on(0.3 * SLOW)
                self.assertEqual(len(self.victim.journal_rows()), accepted)
            self.empty()
            eventually(lambda: 'no room' not in self.victim.status(), 30, 'the end of the trouble')
        print('%d times the journal was full' % seen, flush=True)
        self.assertEqual([(r.name, r.instance) for r in self.load.wait_for_all(60)], [], self.victim.text()[-4000:])
        self.settled()


if __name__ == '__main__':
    unittest.main()
