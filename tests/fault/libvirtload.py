"""The load of faultload.py on guests of libvirt, below a libvirtd that stays while the daemon is killed (tests/lib/with-libvirt), and
what else is judged then: what libvirt has, the files of instances_path, images and snapshots, the taps of this network."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faultload import LEGAL_FAILURES, Load, Templates, Victim, judge, outcomes, wait_quiet  # noqa: E402
import bootguest  # noqa: E402
from bootguest import BOOT, IMAGE  # noqa: E402
from novatest import eventually, shared_broker  # noqa: E402

STATES = {'running': 1, 'idle': 1, 'paused': 3, 'in shutdown': 4, 'shut off': 4, 'crashed': 6, 'pmsuspended': 7}
# one that is suspended is saved to disk, and off
POWER = {'active': 1, 'stopped': 4, 'paused': 3, 'suspended': 4, 'rescued': 1}
# an instance in error may have no guest to rescue
LEGAL = LEGAL_FAILURES | {'InstanceNotRescuable'}
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')


class Libvirt:
    """libvirtd of with-libvirt, which can be killed, stopped and started."""

    def __init__(self, uri):
        if not os.environ.get('WITH_LIBVIRT'):
            raise unittest.SkipTest('to be run by tests/lib/with-libvirt')
        self.uri = uri
        Libvirt.pid = Libvirt.pid or int(os.environ['LIBVIRTD_PID'])
        # whoever leaves last takes the guests of the test driver along
        self.holder = None
        if self.answers():
            self.hold()
        else:                                   # it has been seen to end by itself
            self.start()

    pid = process = None                        # of the one that runs; a test may have begun it for those that follow

    def answers(self):
        return subprocess.run(['virsh', '-q', '-c', self.uri, 'version'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    def hold(self):
        if self.uri.startswith('test'):
            self.holder = subprocess.Popen(['virsh', '-q', '-c', self.uri], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
            self.holder.stdin.write(b'version\n')
            self.holder.stdin.flush()

    def close(self):
        if self.holder:
            self.holder.kill()
            self.holder.wait()
            self.holder.stdin.close()
            self.holder = None

    def virsh(self, *arguments, check=True):
        return subprocess.run(['virsh', '-q', '-c', self.uri] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=check, timeout=60).stdout

    def guests(self):
        """uuid -> power state of those that are not libvirt's own example."""
        found = {}
        names = dict(reversed(line.split(None, 1)) for line in self.virsh('list', '--all', '--uuid', '--name').splitlines() if line.strip())
        for line in self.virsh('list', '--all').splitlines():
            words = line.split(None, 2)
            if len(words) == 3 and words[1] != 'test' and words[1] in names:
                found[names[words[1]]] = STATES[words[2].strip()]
        return found

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.close()
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        if Libvirt.process:
            Libvirt.process.wait()
        else:                                   # a child of with-libvirt, which waits for it
            def gone():
                try:
                    return not os.readlink('/proc/%d/exe' % self.pid).endswith('libvirtd')
                except OSError:
                    return True
            eventually(gone)

    def start(self):
        with open(os.environ['LIBVIRT_LOG'], 'ab') as log:
            Libvirt.process = subprocess.Popen(['libvirtd', '-f', os.path.join(os.environ['WITH_LIBVIRT'], 'etc', 'libvirtd.conf')],
                                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        Libvirt.pid = Libvirt.process.pid
        eventually(self.answers, 20, 'libvirtd')
        self.hold()


def taps():
    """Names of links that a guest would have."""
    return sorted(n for n in os.listdir('/sys/class/net') if n.startswith('tap') or n.startswith('vnet'))


class OnLibvirt(unittest.TestCase):
    uri, virt_type = 'test+unix:///default?socket=/run/libvirt/libvirt-sock', 'test'
    options = {}
    instances, outstanding = 8, 16
    build = {}
    templates = {}

    def setUp(self):
        self.libvirt = Libvirt(self.uri)
        self.addCleanup(self.libvirt.close)
        self.broker = shared_broker()
        self.vhost = self.broker.vhost('fault-' + uuid.uuid4().hex[:8])
        self.addCleanup(self.broker.http, 'DELETE', 'vhosts/' + self.vhost)
        seed = int(os.environ.get('NOVA_FAULT_SEED', str(uuid.uuid4().int % 1000000)))
        print('seed %d' % seed, flush=True)
        self.victim = self.make_victim()
        self.addCleanup(self.clean)
        self.load = Load(self.broker, self.vhost, seed=seed, templates=self.make_templates(), instances=self.instances,
                         outstanding=self.outstanding, of_disks=True)
        self.addCleanup(self.load.close)

    def make_templates(self):
        if type(self) not in OnLibvirt.templates:
            OnLibvirt.templates[type(self)] = Templates(self.broker.url(self.vhost), 'testhost', image=IMAGE, **self.build)
        return OnLibvirt.templates[type(self)]

    def make_victim(self):
        options = {'shutdown_timeout': '2', 'cpu_allocation_ratio': '64', 'ram_allocation_ratio': '64', 'disk_allocation_ratio': '1000'}
        options.update(self.options)
        victim = Victim(self.broker.url(self.vhost), driver='libvirt.LibvirtDriver', options=options,
                        groups={'libvirt': {'virt_type': self.virt_type, 'connection_uri': self.uri, 'wait_soft_reboot_seconds': '2'}})
        bootguest.put(victim.state, IMAGE, BOOT if os.path.exists(BOOT) else os.devnull, 1 << 20)
        bootguest.open_to_qemu(victim.state)
        return victim

    def clean(self):
        self.victim.close()
        if not self.libvirt.answers():
            self.libvirt.start()
        for guest in self.libvirt.guests():
            self.libvirt.virsh('destroy', guest, check=False)
            self.libvirt.virsh('undefine', '--managed-save', guest, check=False)

    # --- the judgement --------------------------------------------------------------------------------------------------

    def wrong_files(self, rows):
        """What lies about that nobody needs, a sentence each."""
        wrong = []
        instances = os.path.join(self.victim.state, 'instances')
        for name in sorted(os.listdir(instances)):
            path = os.path.join(instances, name)
            if name in ('_base', 'locks', 'compute_nodes', 'snapshots', 'compute_id'):
                continue
            if not UUID.fullmatch(name) or name not in rows or not rows[name]['host']:
                wrong.append('%s is of no instance: %s' % (path, os.listdir(path) if os.path.isdir(path) else 'a file'))
                continue
            rescued = rows[name]['vm_state'] == 'rescued'
            for file in sorted(os.listdir(path)):
                if file.endswith('.part') or (not rescued and (file.endswith('.rescue') or file == 'unrescue.xml')):
                    wrong.append('%s/%s is left, of one that is %s' % (path, file, rows[name]['vm_state']))
            if rescued and not {'disk.rescue', 'unrescue.xml'} <= set(os.listdir(path)):
                wrong.append('%s is rescued and has only %s' % (path, sorted(os.listdir(path))))
        for name, ends in (('_base', ('.part', '.converted')), ('snapshots', ('',))):
            path = os.path.join(instances, name)
            wrong += ['%s/%s is left' % (path, f) for f in (os.listdir(path) if os.path.isdir(path) else []) if f.endswith(ends)]
        return wrong + self.wrong_images()

    def wrong_images(self):
        """An image is there with all that is said of it, for each snapshot that was done, and no other."""
        wrong, images = [], os.path.join(self.victim.state, 'images')
        names = set(os.listdir(images)) - {IMAGE, IMAGE + '.json'}
        rows = {row['unique_id']: row for row in self.victim.journal_rows() if row['state'] == 'done'}
        done = {r.image: rows[r.unique] for r in self.load.requests.values() if r.image and r.unique in rows}
        for name in sorted(names):
            image = name[:-len('.json')] if name.endswith('.json') else name
            if image not in done:
                wrong.append('%s/%s is left of no snapshot that was done' % (images, name))
            elif image not in names or image + '.json' not in names:
                wrong.append('image %s is there by half' % image)
        # one that was deleted meanwhile takes its snapshot along and says well
        deleted = {r['uuid'] for r in self.victim.sql('SELECT uuid FROM instances WHERE deleted != 0')}
        wrong += ['image %s of instance %s is not there, and its snapshot was done' % (i, row['instance_uuid']) for i, row in done.items()
                  if i not in names and row['instance_uuid'] not in deleted]
        return wrong

    def wrong_taps(self, rows, guests):
        return []

    def judged(self):
        guests = self.libvirt.guests()
        wrong = judge(self.load, self.victim, guests, power=POWER, legal=LEGAL | self.legal)
        rows = {r['uuid']: r for r in self.victim.sql('SELECT * FROM instances WHERE deleted = 0')}
        return wrong + self.wrong_files(rows) + self.wrong_taps(rows, guests)

    def rest_and_judge(self, seconds=60):
        """Up again, everything answered, and nothing wrong."""
        if self.victim.process.poll() is not None:
            self.victim.start()
        else:
            self.victim.wait_notified('READY=1', 30)
        left = self.load.wait_for_all(seconds)
        if left:
            print(self.libvirt.virsh('list', '--all'), [(r['id'], r['method'], r['state'], r['step']) for r in self.victim.journal_rows()
                                                        if r['state'] in ('accepted', 'begun')])
            self.keep_log()
        self.assertFalse(['%s of %s' % (r.name, r.instance) for r in left][:10], self.victim.text()[-4000:])
        wait_quiet(self.victim)
        eventually(lambda: not any(r['reply'] == 'wanted' for r in self.victim.journal_rows()), what='the record of the last replies')
        last = []

        def well():
            last[:] = self.judged()
            return not last
        try:
            eventually(well, self.patience, 'a world without contradictions')
        except AssertionError:
            self.keep_log()
            story = [line for line in self.victim.text().splitlines() if any(u in line for u in uuids(last)) and 'was refused' not in line]
            self.fail('%s\n%s' % ('\n'.join(last[:20]), '\n'.join(story[-60:])))
        print('%d requests, %d kills: %s' % (len(self.load.requests), self.victim.kills, outcomes(self.victim)), flush=True)

    def keep_log(self):
        if os.environ.get('NOVA_FAULT_KEEP'):
            shutil.copy(self.victim.log, os.environ['NOVA_FAULT_KEEP'])

    legal = frozenset()                         # further failures that a request may be told of
    patience = 3                                # seconds after everything has ended

    def killed_at(self, steps, rounds, seconds=30):
        for step in steps:
            for n in rounds:
                self.victim.launch(environment={'NOVA_FAULT_STEP': '%s:%d' % (step, n)})
                end = time.monotonic() + seconds
                while not self.victim.died_by_itself():
                    self.assertLess(time.monotonic(), end, 'step %s was not reached %d times' % (step, n))
                    self.load.go_on(0.02)

    def killed_at_random(self, kills, requests, shortest, longest, stops=0):
        """@stops: after so many kills each libvirtd does not answer for some seconds; the daemon is killed in these, too."""
        choose = self.load.random
        self.victim.launch()
        began = time.monotonic()
        self.stopped = 0
        while self.victim.kills < kills if not requests else len(self.load.requests) < requests:
            if stops and self.victim.kills // stops > self.stopped:
                self.stopped += 1
                self.without_answer(choose.uniform(1, 6), choose.random() < 0.5)
            self.load.go_on(choose.uniform(shortest / 5, shortest) if choose.random() < 0.3 else choose.uniform(shortest, longest))
            self.assertTrue(self.victim.murder(), self.victim.text()[-3000:])
            self.load.go_on(0.005)
            self.victim.launch()
        print('%.0f s%s' % (time.monotonic() - began, ', libvirtd was stopped %d times' % self.stopped if stops else ''), flush=True)

    def without_answer(self, seconds, kill):
        self.victim.wait_logged('Connected to the hypervisor', 30)
        self.libvirt.signal(signal.SIGSTOP)
        try:
            self.load.go_on(seconds / 2)
            if kill:
                self.assertTrue(self.victim.murder(), self.victim.text()[-3000:])
                self.victim.launch()
            self.load.go_on(seconds / 2)
        finally:
            self.libvirt.signal(signal.SIGCONT)
        self.load.go_on(seconds / 2)


def uuids(sentences):
    return {m.group(0) for s in sentences for m in UUID.finditer(s)}


__all__ = ['LEGAL_FAILURES', 'OnLibvirt', 'taps']
