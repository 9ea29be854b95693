"""Every method of every object of the running daemon, with whatever a caller may send: arguments of the right types and absurd
values, other signatures, strings beyond all measure, objects that are not there any more, callers that leave in the middle. The daemon
must answer each with a value or a listed error, go on answering others, and end well: under AddressSanitizer (tests/lib/check --only
asan) also without a leak. The same each time; to look for more: NOVA_FUZZ_ROUNDS=200 NOVA_FUZZ_SEED=7."""
import os
import random
import re
import sys
import time
import unittest
import uuid
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from busclient import INSTANCE, MANAGER, PATH, Client, Error  # noqa: E402
from novatest import SLOW, SOURCE, eventually  # noqa: E402
from test_bus_verbs import Jobs, WithVerbs, path_of  # noqa: E402

ROUNDS = int(os.environ.get('NOVA_FUZZ_ROUNDS', '4'))
SEED = int(os.environ.get('NOVA_FUZZ_SEED', '1'))
STANDARD = ('org.freedesktop.DBus.', 'org.nova.Compute1.Error.')

TEXTS = ['', ' ', 'x', 'soft', 'hard', 'cirros', 'rescue', 'private', 'none', 'm1.tiny', '../../etc/passwd', '/etc/shadow', '%s%n%x', '\u00e4\U0001f4a9',
         '<domain/>', "'; DROP TABLE instances; --", 'a' * 255, 'a' * 256, 'b' * 70000, '\n', '\x7f', '-1', '0', 'fa:16:3e:00:00:01', '10.1.0.5',
         '::1', '6f9e2a10-0000-4000-8000-000000000001', 'DEBUG', 'kmsg', '_sync_power_states', 'https://192.0.2.1/x.img', 'nova', 'default']
KEYS = ['name', 'image', 'flavor', 'vcpus', 'memory_mib', 'disk_gib', 'ephemeral_gib', 'swap_mib', 'uuid', 'networks', 'fixed_ips', 'user_data',
        'metadata', 'key_name', 'public_key', 'admin_password', 'config_drive', 'availability_zone', 'project', 'user', 'timeout', 'lines',
        'force', 'fixed_ip', 'no such option']
VALUES = ['s', 'u', 't', 'b', 'as', 'ay', 'a{ss}', 'i', 'd', 'o', 'v', '(su)', 'a{sv}', 'aas']
NUMBERS = {'y': 8, 'n': 15, 'q': 16, 'i': 31, 'u': 32, 'x': 63, 't': 64}


def parts(signature):
    """The complete types of a signature."""
    found, i = [], 0

    def end(i):
        if signature[i] == 'a':
            return end(i + 1)
        if signature[i] in '({':
            depth = 0
            while True:
                depth += (signature[i] in '({') - (signature[i] in ')}')
                i += 1
                if depth == 0:
                    return i
        return i + 1
    while i < len(signature):
        j = end(i)
        found.append(signature[i:j])
        i = j
    return found


class Maker:
    """Values of D-Bus types, by chance."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, kind, depth=0):
        r = self.random
        if kind in ('s',):
            return r.choice(TEXTS)
        if kind == 'o':
            return r.choice(['/', PATH, PATH + '/instance/x', PATH + '/job/1'])
        if kind == 'g':
            return r.choice(['', 's', 'a{sv}'])
        if kind == 'b':
            return r.random() < 0.5
        if kind == 'd':
            return r.choice([0.0, -1e308, 1e308])
        if kind in NUMBERS:
            top = 2 ** NUMBERS[kind] - 1
            return r.choice([0, 1, 2, 60, top, top // 2])
        if kind == 'v':
            inner = r.choice(VALUES if depth < 3 else ['s'])
            return inner, self.value(inner, depth + 1)
        if kind == 'ay':
            return bytes(r.randrange(256) for _ in range(r.choice([0, 1, 50, 2000])))
        if kind.startswith('a{'):
            key, value = parts(kind[2:-1])
            names = [r.choice(KEYS) if r.random() < 0.8 else r.choice(TEXTS) for _ in range(r.randrange(5))]
            return {n if key == 's' else self.value(key): self.value(value, depth + 1) for n in names}
        if kind.startswith('a'):
            return [self.value(kind[1:], depth + 1) for _ in range(r.randrange(4))]
        if kind.startswith('('):
            return tuple(self.value(k, depth + 1) for k in parts(kind[1:-1]))
        raise ValueError(kind)

    def body(self, signature):
        return tuple(self.value(k) for k in parts(signature))

    def signature(self):
        return ''.join(self.random.choice(VALUES + ['']) for _ in range(self.random.randrange(4)))


def methods_of(client, path):
    """[(interface, method, signature)] of the daemon's own interfaces at @path."""
    text = client.call('org.freedesktop.DBus.Introspectable', 'Introspect', path=path)[0]
    found = []
    for interface in ElementTree.fromstring(text).findall('interface'):
        for method in interface.findall('method'):
            signature = ''.join(a.get('type') for a in method.findall('arg') if a.get('direction') != 'out')
            found.append((interface.get('name'), method.get('name'), signature))
    return found


class Fuzz(WithVerbs):
    user = None
    options = {'network': 'name=private, cidr=10.1.0.0/24, bridge=br-fuzz', 'flavor': 'name=m1.tiny,vcpus=1,memory=64,disk=1',
               'debug': 'false'}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.maker = Maker(SEED)
        cls.known_errors = {line.split('"')[1] for line in open(os.path.join(SOURCE, 'src', 'bus', 'errors.h'), encoding='utf-8')
                            if line.startswith('#define BUS_ERROR_')}

    @classmethod
    def must_live(cls):
        """tearDownClass has ended it."""

    def setUp(self):
        super().setUp()
        self.guest = self.alice.create()
        self.assertState(self.guest, 'active')

    def tearDown(self):
        """It still does what it is there for; and nothing it was asked for hangs."""
        self.assertIsNone(self.daemon.process.poll())
        probe = Jobs('alice')
        try:
            eventually(lambda: probe.get('State') in ('running', 'degraded'), 20, 'running')
            eventually(lambda: probe.get('NJobs', MANAGER) == 0, 60, 'no jobs')
            guest = probe.create()
            probe.do(guest, 'Delete')
            times = []
            for _ in range(100):
                began = time.monotonic()
                self.bob.get('State')
                times.append(time.monotonic() - began)
            self.assertLess(sorted(times)[98], 0.05 * max(SLOW, 2))
        finally:
            probe.close()

    @classmethod
    def tearDownClass(cls):
        status = cls.daemon.stop() if hasattr(cls.daemon, 'stop') else None
        with open(cls.daemon.log, encoding='utf-8', errors='replace') as f:
            said = f.read()
        assert not re.search('Sanitizer|runtime error|Assertion', said), said[-20000:]
        assert status in (None, 0), (status, said[-4000:])
        super().tearDownClass()

    def paths(self):
        return [PATH, path_of(self.guest), '/org/freedesktop/LogControl1']

    def call(self, client, path, interface, method, signature, body):
        """What comes back must be an answer or an error that is listed."""
        try:
            client.call(interface, method, signature, body, path=path, timeout=60 * SLOW)
        except Error as e:
            self.assertTrue(e.name in self.known_errors or e.name.startswith('org.freedesktop.DBus.Error.'), e)
            self.assertTrue(e.name.startswith(STANDARD), e)
            self.assertTrue(e.text, e.name)
            if interface.startswith('org.nova'):        # others are the library's
                self.assertLess(len(e.text), 2000, e)

    def again(self):
        """The instance may be gone, or the service stopped: something to ask about is made anew."""
        eventually(lambda: self.bob.owner() is not None)
        if self.bob.get('State') not in ('running', 'degraded'):
            try:
                self.alice.verb_service('Start')
            except Error:
                pass
            eventually(lambda: self.bob.get('State') in ('running', 'degraded'), 30)
        try:
            self.bob.get('Uuid', INSTANCE, path_of(self.guest))
        except Error:
            self.guest = self.alice.create()

    def each(self):
        """(path, interface, method, signature) of all, in an order by chance; what stops the service last."""
        found = [(path,) + m for path in self.paths() for m in methods_of(self.bob, path)]
        self.maker.random.shuffle(found)
        return sorted(found, key=lambda m: m[2] in ('Stop', 'Kill') and m[1].endswith('.Service'))

    def test_values_by_chance(self):
        for client in self.alice, self.bob:
            client.verb_service = lambda name, c=client: Client.verb(c, name)
            for n in range(ROUNDS):
                for path, interface, method, signature in self.each():
                    with self.subTest(round=n, method=method, interface=interface):
                        if path not in self.paths():
                            path = path_of(self.guest)
                        self.call(client, path, interface, method, signature, self.maker.body(signature))
                    if client is self.alice and ('Service' in interface or method in ('Delete', 'SoftDelete')):
                        self.again()

    def test_other_signatures(self):
        for n in range(ROUNDS):
            for path, interface, method, signature in self.each():
                other = self.maker.signature()
                if other != signature:
                    with self.subTest(round=n, method=method, interface=interface, signature=other):
                        self.call(self.alice, path, interface, method, other, self.maker.body(other))

    def test_objects_that_are_not_there_any_more(self):
        gone = self.alice.create()
        job, = self.alice.verb(gone, 'Delete')
        self.alice.wait_job(job)
        self.assertGone(gone)
        paths = [path_of(gone), job, path_of(str(uuid.uuid4())), PATH + '/instance', PATH + '/job', PATH + '/instance/_', PATH + '/job/0',
                 PATH + '/job/18446744073709551616', PATH + '/instance/' + 'a' * 3000, '/', PATH + '/instance/' + gone.replace('-', '_') + '/x']
        wanted = methods_of(self.bob, path_of(self.guest)) + [('org.nova.Compute1.Job', 'Cancel', 'a{sv}')]
        for path in paths:
            for interface, method, signature in wanted:
                if interface.startswith('org.nova'):
                    with self.subTest(path=path[:80], method=method):
                        with self.assertRaises(Error) as raised:
                            self.alice.call(interface, method, signature, self.maker.body(signature), path=path)
                        self.assertIn(raised.exception.name.rsplit('.', 1)[1], ('UnknownObject', 'UnknownMethod', 'UnknownInterface'))

    def test_strings_beyond_measure(self):
        calls = [('SetAdminPassword', 's'), ('Snapshot', 's'), ('Rebuild', 's'), ('Reboot', 's')]
        for size, errors in (2 << 20, ('LimitsExceeded',)), (24 << 20, ('LimitsExceeded',)):
            for client in self.alice, self.bob:
                for method, signature in calls:
                    with self.subTest(size=size, method=method), self.assertRaises(Error) as raised:
                        client.verb(self.guest, method, 'x' * size, signature=signature, timeout=60 * SLOW)
                    self.assertIn(raised.exception.name.rsplit('.', 1)[1], errors)
        # more than the bus takes from anybody: it closes the connection, and the daemon never hears of it
        lost = Client('alice')
        try:
            with self.assertRaises((OSError, EOFError, TimeoutError, Error)):
                lost.call(INSTANCE, 'Snapshot', 'sa{sv}', ('x' * (64 << 20), {}), path=path_of(self.guest), timeout=30 * SLOW)
        finally:
            lost.close()
        many = {'k%d' % n: ('s', 'v') for n in range(20000)}
        with self.assertRaises(Error) as raised:
            self.alice.call(MANAGER, 'CreateInstance', 'a{sv}', (many,))
        self.assertIn(raised.exception.name.rsplit('.', 1)[1], ('InvalidArgs', 'LimitsExceeded'))

    def test_callers_that_leave(self):
        """With their calls at every stage: before polkit answers, while something is looked up, before the job is accepted."""
        for n in range(ROUNDS * 15):
            leaver = Client(self.maker.random.choice(['alice', 'bob']))
            for _ in range(self.maker.random.randrange(1, 20)):
                interface, method, signature = self.maker.random.choice(methods_of(self.bob, path_of(self.guest)))
                if interface == INSTANCE and method not in ('Delete', 'SoftDelete'):
                    leaver.send(interface, method, signature, self.maker.body(signature), path=path_of(self.guest))
                leaver.send(MANAGER, 'CreateInstance', 'a{sv}', ({'name': ('s', 'left %d' % n), 'image': ('s', 'cirros'), 'flavor': ('s', 'm1.tiny'),
                                                                 'networks': ('as', [])},)) if self.maker.random.random() < 0.1 else None
            time.sleep(self.maker.random.choice([0, 0.001, 0.005]))
            leaver.close()
        eventually(lambda: self.bob.get('NJobs', MANAGER) == 0, 60 * SLOW)
        eventually(lambda: Jobs('alice').get('NJobs', MANAGER) == 0, 60 * SLOW)
        for row in self.sql("SELECT uuid FROM instances WHERE deleted = 0"):
            try:
                self.alice.do(row['uuid'], 'Delete', options={'force': ('b', True)})
            except Error as e:
                self.assertEqual(e.name, 'org.freedesktop.DBus.Error.UnknownObject')
        self.guest = self.alice.create()


if __name__ == '__main__':
    unittest.main()
