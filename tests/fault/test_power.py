"""Nothing is lost when the power fails: the daemon is killed, and of the databases and all else in state_path only that is left which was
synced, and of the rest anything, by sectors (power-loss.c keeps the two apart). The hypervisor lives on, and is ahead of the store.
What is judged is in faultload.py. By hand, longer: NOVA_FAULT_POWER=500."""
import os
import shutil
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faultload import Scene, Victim, judge  # noqa: E402
from novatest import BUILD, SLOW, eventually, sanitizer_environment  # noqa: E402

SHIM = os.path.join(BUILD, 'tests', 'fault', 'power-loss.so')
LOSSES = int(os.environ.get('NOVA_FAULT_POWER', '24'))
SECTOR = 512
# first what the journal does, then what the store has written and not yet synced
STEPS = ('accept-uncommitted', 'accept-committed', 'request-acked', 'operation-begun', 'operation-ran', 'finish-uncommitted',
         'finish-committed', 'outcome-recorded', 'reply-sent', 'claim', 'domain', 'active', 'destroy', 'power_off', 'save')


class Disk:
    """The folder of a victim as it is, and as a disk would have it."""

    def __init__(self, folder, copy, choose):
        self.folder, self.copy, self.choose = folder, copy, choose
        self.lost = self.torn = self.unlinked = 0       # bytes, files of which some remained, names

    def begin(self):
        """All there is is on the disk now."""
        shutil.rmtree(self.copy, ignore_errors=True)
        os.mkdir(self.copy)
        with open(os.path.join(self.copy, 'names'), 'w', encoding='utf-8') as names:
            for name, number in self.now().items():
                shutil.copyfile(os.path.join(self.folder, name), os.path.join(self.copy, str(number)))
                names.write('%d %s\n' % (number, name))

    def now(self):
        return {e.name: e.inode() for e in os.scandir(self.folder) if e.is_file(follow_symlinks=False)}

    def synced(self, number):
        try:
            with open(os.path.join(self.copy, str(number)), 'rb') as f:
                return f.read()
        except FileNotFoundError:
            return b''

    def left_of(self, before, after, some):
        """Of what was written since the last sync nothing, or some sectors; the length is the one or the other."""
        if before == after or not some:
            self.lost += before != after and max(len(before), len(after))
            return before
        self.torn += 1
        size = self.choose.choice((len(before), len(after)))
        content = bytearray(size)
        for at in range(0, size, SECTOR):
            content[at:at + SECTOR] = (self.choose.choice((before, after))[at:at + SECTOR].ljust(SECTOR, b'\0'))[:size - at]
        return bytes(content)

    def lose_power(self, some):
        now = self.now()
        with open(os.path.join(self.copy, 'names'), encoding='utf-8') as f:
            then = {name: int(number) for number, name in (line.rstrip('\n').split(' ', 1) for line in f)}
        contents = {}
        for name in now.keys() | then.keys():
            if name.endswith('-shm'):           # made anew by who opens the database
                continue
            number = self.choose.choice((now.get(name), then.get(name))) if some else then.get(name)
            self.unlinked += number is None
            if number is None:
                continue
            content = self.synced(number)
            if number == now.get(name):
                with open(os.path.join(self.folder, name), 'rb') as f:
                    content = self.left_of(content, f.read(), some)
            contents[name] = content
        for name in now:
            os.unlink(os.path.join(self.folder, name))
        for name, content in contents.items():
            with open(os.path.join(self.folder, name), 'wb') as f:
                f.write(content)


class PoweredVictim(Victim):
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.disk = None

    def launch(self, *arguments, environment=None):
        self.disk.begin()
        preload = sanitizer_environment(self.binary).get('LD_PRELOAD')
        env = {'LD_PRELOAD': ':'.join(p for p in (preload, SHIM) if p), 'NOVA_POWER_FOLDER': self.state, 'NOVA_POWER_DISK': self.disk.copy}
        env.update(environment or {})
        return super().launch(*arguments, environment=env)


class Power(Scene):
    victim_class = PoweredVictim

    def setUp(self):
        super().setUp()
        self.victim.disk = self.disk = Disk(self.victim.state, os.path.join(self.victim.folder, 'disk'), self.load.random)
        self.n = 0

    def lose_power(self):
        """Each second time something of what was not synced is left."""
        self.n += 1
        self.disk.lose_power(self.n % 2 == 0)

    def rest_and_judge(self):
        super().rest_and_judge()
        d = self.disk
        print('lost %d bytes not synced, %d files torn, %d names gone' % (d.lost, d.torn, d.unlinked), flush=True)

    def test_at_random(self):
        choose = self.load.random
        self.victim.launch()
        for _ in range(LOSSES):
            self.load.go_on(choose.uniform(0.01, 0.1) if choose.random() < 0.3 else choose.uniform(0.1, 0.4))
            self.assertTrue(self.victim.murder(), self.victim.text()[-3000:])
            self.lose_power()
            self.victim.launch()
        self.rest_and_judge()
        self.assertGreater(self.disk.lost, 0)
        self.assertGreater(self.disk.torn, 0)

    def test_at_each_step(self):
        for step in STEPS:
            for n in (1, 4):
                self.victim.launch(environment={'NOVA_FAULT_STEP': '%s:%d' % (step, n)})
                self.until_it_dies('step %s was not reached %d times' % (step, n))
                self.lose_power()
        self.rest_and_judge()

    def test_the_harness_can_fail(self):
        """Without syncs what was answered is gone."""
        self.victim.configure(sqlite_synchronous='false')
        self.victim.start()
        self.load.go_on(0.3 * SLOW)
        self.load.wait_for_all()
        answered = [r.unique for r in self.load.requests.values() if r.replies]
        eventually(lambda: not any(r['reply'] == 'wanted' for r in self.victim.journal_rows()), what='the record of the last replies')
        self.assertEqual(judge(self.load, self.victim, self.victim.fake_guests()), [])
        self.victim.murder()
        self.disk.lose_power(False)
        try:
            kept = {row['unique_id'] for row in self.victim.journal_rows()}
        except sqlite3.OperationalError:        # not even the table
            kept = ()
        self.assertTrue(answered)
        self.assertTrue([u for u in answered if u not in kept])


if __name__ == '__main__':
    unittest.main()
