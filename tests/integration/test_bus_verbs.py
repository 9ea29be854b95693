"""Every verb of instances on D-Bus, on the daemon itself with the fake driver and with libvirt's test:///default, and no broker: as root,
as alice by a rule, as carol for the instances of one project, and refused for bob before anything else is looked at."""
import collections
import json
import os
import sqlite3
import sys
import time
import unittest
import uuid
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from jeepney import HeaderFields, MatchRule  # noqa: E402
from jeepney.bus_messages import DBus  # noqa: E402
from busclient import INSTANCE, JOB, MANAGER, PATH, Client, Error  # noqa: E402
from novatest import SLOW, SOURCE, Daemon, eventually  # noqa: E402
from test_bus import CHALLENGE, ERROR  # noqa: E402

NOWHERE = 'rabbit://nova:Bus-s3cret@127.0.0.1:9/'       # nobody listens on discard
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfnOsDhYvsGq8Qz8oUTgHyHQXWqRv3hN6y2vM8xqH0d me@home'
INVALID_ARGS = 'org.freedesktop.DBus.Error.InvalidArgs'
UNKNOWN = 'org.freedesktop.DBus.Error.UnknownObject'

Ended = collections.namedtuple('Ended', 'job result details')


def path_of(guest):
    return PATH + '/instance/' + guest.replace('-', '_')


def interface_methods(name):
    """{method: ([signatures in], [signatures out])} of the installed XML."""
    root = ElementTree.parse(os.path.join(SOURCE, 'dbus', name + '.xml')).getroot().find('interface')
    return {m.get('name'): [[a.get('type') for a in m.findall('arg') if a.get('direction') == d] for d in ('in', 'out')]
            for m in root.findall('method')}


class Jobs(Client):
    """A client that hears how jobs end."""

    def __init__(self, user=None):
        super().__init__(user)
        for member in 'JobNew', 'JobRemoved':
            rule = MatchRule(type='signal', interface=MANAGER, member=member, path=PATH)
            self.connection.send_and_get_reply(DBus().AddMatch(rule), timeout=10)
        self.ended, self.begun = {}, []

    def take_signals(self):
        while self.signals:
            m = self.signals.popleft()
            if m.header.fields.get(HeaderFields.member) == 'JobNew':
                self.begun.append(m.body[1])
            elif m.header.fields.get(HeaderFields.member) == 'JobRemoved':
                number, job, result, details = m.body
                self.ended[job] = Ended(job, result, {k: v[1] for k, v in details.items()})

    def wait_job(self, job, seconds=20):
        end = time.monotonic() + seconds * SLOW
        while True:
            self.take_signals()
            if job in self.ended:
                return self.ended[job]
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError('%s has not ended within %g s' % (job, seconds * SLOW))
            try:
                self.receive(left)
            except TimeoutError:
                pass

    def verb(self, guest, method, *args, signature='', options=None, interface=INSTANCE, **more):
        """What it answers. @guest: its uuid."""
        body = tuple(args) + (options or {},)
        return self.call(interface, method, signature + 'a{sv}', body, path=path_of(guest), **more)

    def do(self, guest, method, *args, result='done', **more):
        """A verb and its job's end, which must be @result."""
        job, = self.verb(guest, method, *args, **more)
        ended = self.wait_job(job)
        if ended.result != result:
            raise AssertionError('%s: %r, not %s' % (method, ended, result))
        return ended

    def create(self, wait=True, result='done', **properties):
        """A new instance's uuid, once it is built."""
        types = {'vcpus': 'u', 'memory_mib': 't', 'disk_gib': 't', 'ephemeral_gib': 't', 'swap_mib': 't', 'networks': 'as', 'fixed_ips': 'as',
                 'metadata': 'a{ss}', 'config_drive': 'b'}
        given = {'name': 'guest', 'image': 'cirros', 'flavor': 'm1.tiny', 'networks': []}
        if 'vcpus' in properties:
            del given['flavor']
        given.update(properties)
        typed = {k: (v if isinstance(v, tuple) else (types.get(k, 's'), v)) for k, v in given.items()}
        instance, job = self.call(MANAGER, 'CreateInstance', 'a{sv}', (typed,))
        guest = instance.rsplit('/', 1)[1].replace('_', '-')
        if wait:
            ended = self.wait_job(job)
            if ended.result != result:
                raise AssertionError('%r, not %s' % (ended, result))
            return guest
        return guest, job


class WithVerbs(unittest.TestCase):
    driver = 'fake.FakeDriver'
    user = 'nova'
    options = {}
    groups = {'fake': {'vcpus': '64', 'memory_mb': '65536', 'local_gb': '4000'}, 'spice': {'enabled': 'true'},
              'serial_console': {'enabled': 'true'}}

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(NOWHERE, driver=cls.driver, user=cls.user, options=cls.options, groups=cls.groups)
        os.chmod(cls.daemon.folder, 0o755)
        cls.addClassCleanup(cls.daemon.close)
        cls.addClassCleanup(cls.must_live)
        os.makedirs(os.path.join(cls.daemon.state, 'images'))
        cls.image('cirros', b'guest')
        cls.image('rescue', b'rescue')
        cls.daemon.start()
        eventually(lambda: Client().owner(), what='the name')

    @classmethod
    def must_live(cls):
        if cls.daemon.process.poll() is not None:
            with open(cls.daemon.log, encoding='utf-8', errors='replace') as f:
                raise AssertionError('the daemon ended with %d: %s' % (cls.daemon.process.returncode, f.read()[-8000:]))

    @classmethod
    def image(cls, name, content, **meta):
        path = os.path.join(cls.daemon.state, 'images', name)
        with open(path, 'wb') as f:
            f.write(content)
        if meta:
            with open(path + '.json', 'w', encoding='utf-8') as f:
                json.dump(meta, f)

    def setUp(self):
        self.root, self.alice, self.bob = self.client(), self.client('alice'), self.client('bob')

    def client(self, user=None):
        c = Jobs(user)
        self.addCleanup(c.close)
        return c

    def sql(self, statement, *parameters):
        connection = sqlite3.connect('file:%s?mode=ro' % self.daemon.database(), uri=True, timeout=5)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, parameters)]
        finally:
            connection.close()

    def of(self, guest, name):
        return self.bob.get(name, INSTANCE, path_of(guest))

    def assertState(self, guest, state):
        """The bus says so once it has heard of the row, which may be a moment after the job's end."""
        eventually(lambda: self.of(guest, 'VmState') == state and self.of(guest, 'TaskState') == '',
                   what='%s: %s' % (state, self.of(guest, 'VmState')))

    def assertGone(self, guest):
        def gone():
            try:
                self.of(guest, 'VmState')
            except Error as e:
                return e.name == UNKNOWN
        eventually(gone)

    def assertError(self, error, text, function, /, *args, **kwargs):
        with self.assertRaises(Error) as raised:
            function(*args, **kwargs)
        self.assertEqual(raised.exception.name, error, raised.exception)
        self.assertRegex(raised.exception.text, text)

    def state_before(self):
        """What a refusal must leave as it is."""
        return (self.sql('SELECT uuid, vm_state, task_state, object, updated_at FROM instances ORDER BY row'),
                self.sql('SELECT count(*) FROM instance_actions'), self.sql('SELECT count(*) FROM instance_faults'))


class EveryVerb:
    """Of both drivers."""

    def life(self, c):
        guest = c.create(metadata={'role': 'web'}, name='first')
        self.assertState(guest, 'active')
        self.assertEqual((self.of(guest, 'DisplayName'), self.of(guest, 'Flavor')), ('first', 'm1.tiny'))
        c.do(guest, 'Stop')
        self.assertState(guest, 'stopped')
        c.do(guest, 'Start')
        self.assertState(guest, 'active')
        c.do(guest, 'Reboot', 'soft', signature='s')
        c.do(guest, 'Reboot', 'hard', signature='s')
        self.assertState(guest, 'active')
        c.do(guest, 'Pause')
        self.assertState(guest, 'paused')
        c.do(guest, 'Unpause')
        self.assertState(guest, 'active')
        c.do(guest, 'Suspend')
        self.assertState(guest, 'suspended')
        c.do(guest, 'Resume')
        self.assertState(guest, 'active')
        c.do(guest, 'Stop', options={'timeout': ('u', 0)})
        self.assertState(guest, 'stopped')
        c.do(guest, 'Start')
        self.assertState(guest, 'active')
        return guest

    def test_a_life_as_root(self):
        guest = self.life(self.root)
        self.root.do(guest, 'Delete')
        self.assertGone(guest)

    def test_a_life_by_a_rule(self):
        guest = self.life(self.alice)
        self.alice.do(guest, 'Delete')
        self.assertGone(guest)

    def test_a_lock_holds_until_it_is_opened_or_forced(self):
        c, guest = self.alice, self.alice.create()
        self.assertState(guest, 'active')
        c.do(guest, 'Lock')
        eventually(lambda: self.of(guest, 'Locked'))
        before = self.state_before()
        self.assertFalse({'Stop', 'Reboot', 'Delete'} & set(self.of(guest, 'Verbs')))
        self.assertIn('Unlock', self.of(guest, 'Verbs'))
        self.assertError(ERROR + 'InstanceLocked', 'is locked', c.verb, guest, 'Stop')
        self.assertError(ERROR + 'InstanceLocked', 'is locked', c.verb, guest, 'Delete')
        self.assertEqual(self.state_before(), before)
        c.do(guest, 'Unlock')
        eventually(lambda: not self.of(guest, 'Locked'))
        c.do(guest, 'Stop')
        c.do(guest, 'Lock')
        eventually(lambda: self.of(guest, 'Locked'))
        c.do(guest, 'Delete', options={'force': ('b', True)})
        self.assertGone(guest)

    def test_metadata_is_set_and_taken_away(self):
        c, guest = self.alice, self.alice.create(metadata={'a': '1', 'b': '2'})
        self.assertState(guest, 'active')
        c.do(guest, 'SetMetadata', {'b': '', 'c': '3 \u00e4'}, signature='a{ss}')
        eventually(lambda: self.of(guest, 'Metadata') == {'a': '1', 'c': '3 \u00e4'})
        self.assertError(INVALID_ARGS, '1 to 255 characters', c.verb, guest, 'SetMetadata', {'': 'x'}, signature='a{ss}')
        self.assertError(INVALID_ARGS, '1 to 255 characters', c.verb, guest, 'SetMetadata', {'x': 'y' * 256}, signature='a{ss}')
        self.assertError(INVALID_ARGS, '128 items', c.verb, guest, 'SetMetadata', {str(n): 'y' for n in range(127)}, signature='a{ss}')
        c.do(guest, 'Delete')

    def test_a_soft_deletion_and_its_way_back(self):
        c, guest = self.alice, self.alice.create()
        self.assertState(guest, 'active')
        c.do(guest, 'SoftDelete')
        self.assertState(guest, 'soft-delete')
        self.assertError(ERROR + 'InvalidState', 'in vm_state soft-delete. Cannot start', c.verb, guest, 'Start')
        c.do(guest, 'Restore')
        self.assertState(guest, 'active')
        c.do(guest, 'Delete')
        self.assertGone(guest)

    def test_what_is_asked_is_answered(self):
        c, guest = self.alice, self.alice.create()
        self.assertState(guest, 'active')
        diagnostics = json.loads(c.verb(guest, 'GetDiagnostics')[0])
        self.assertEqual(diagnostics['state'], 'running')
        c.do(guest, 'Stop')
        actions = [{k: v[1] for k, v in a.items()} for a in c.verb(guest, 'GetActions')[0]]
        self.assertEqual([a['action'] for a in actions], ['stop', 'create'])
        self.assertEqual((actions[0]['user'], actions[0]['message']), ('uid:1500', ''))
        self.assertRegex(actions[0]['request_id'], 'req-')
        self.assertTrue(0 < actions[0]['start'] <= actions[0]['finish'])
        event = {k: v[1] for k, v in actions[0]['events'][0].items()}
        self.assertEqual((event['event'], event['result'], event['traceback']), ('compute_stop_instance', 'Success', ''))
        c.do(guest, 'Delete')

    def test_the_verbs_that_are_said_to_be_allowed_are_those_that_are(self):
        """Every verb in every state that can be brought about: what Verbs does not name is refused at once, by its name."""
        arguments = {'Reboot': ('s', 'hard'), 'SetMetadata': ('a{ss}', {'x': 'y'}), 'Snapshot': ('s', 'image'), 'Backup': ('ssu', 'b', 'daily', 1),
                     'Rebuild': ('s', 'cirros'), 'SetAdminPassword': ('s', 'password'), 'InjectFile': ('say', '/x', b'y'),
                     'AttachInterface': ('s', 'private'), 'DetachInterface': ('s', 'fa:16:3e:00:00:01')}
        ways = {'active': (), 'stopped': ('Stop',), 'paused': ('Pause',), 'suspended': ('Suspend',), 'soft-delete': ('SoftDelete',)}
        for state, verbs in ways.items():
            guest = self.alice.create()
            self.assertState(guest, 'active')
            for verb in verbs:
                self.alice.do(guest, verb)
            self.assertState(guest, state)
            allowed, before = self.of(guest, 'Verbs'), self.state_before()
            refused = 0
            for method, (ins, outs) in interface_methods(INSTANCE).items():
                if outs != ['o'] or method in allowed or method.endswith('tachInterface'):        # which want a network, an interface that is there
                    continue
                given = arguments.get(method, ('',))
                with self.subTest(state=state, method=method):
                    self.assertError(ERROR + 'InvalidState', 'in vm_state %s. Cannot ' % state, self.alice.verb, guest, method, *given[1:],
                                     signature=given[0])
                    refused += 1
            self.assertGreater(refused, 4, state)
            self.assertEqual(self.state_before(), before)
            self.alice.do(guest, 'Delete')


class Fake(EveryVerb, WithVerbs):
    """The fake driver; and networks of the host's own, which only root may make in the sandbox."""
    user = None
    options = {'network': ['name=private, cidr=10.1.0.0/24, bridge=br-verbs', 'name=public, cidr=192.0.2.0/24, bridge=br-verbs2'],
               'flavor': ['name=m1.tiny,vcpus=1,memory=64,disk=1', 'name=gold,vcpus=2,memory=128,disk=2,swap=16,hw:watchdog_action=reset']}

    def test_consoles(self):
        c, guest = self.alice, self.alice.create()
        self.assertState(guest, 'active')
        whole = c.verb(guest, 'GetConsoleOutput')[0]
        self.assertGreater(len(whole), 10)
        last = c.verb(guest, 'GetConsoleOutput', options={'lines': ('u', 1)})[0]
        self.assertTrue(bytes(whole).endswith(bytes(last)))
        self.assertEqual(bytes(last).strip().count(b'\n'), 0)
        for kind, port in ('Vnc', 6969), ('Spice', 6969), ('Serial', 6969):
            console = {k: v[1] for k, v in c.verb(guest, 'Get%sConsole' % kind)[0].items()}
            self.assertEqual(console['port'], port, kind)
            self.assertIn(console['token'], console['url'])
            stored = self.sql('SELECT count(*) n FROM console_auth_tokens WHERE instance_uuid = ?', guest)
            self.assertGreater(stored[0]['n'], 0)
        c.do(guest, 'Delete')

    def heard(self, client, number, until, seconds=10):
        """What ConsoleOutput of that number says until @until is in it."""
        text, end = b'', time.monotonic() + seconds * SLOW
        while until not in text:
            try:
                client.receive(max(end - time.monotonic(), 0.001))
            except TimeoutError as e:
                raise AssertionError('%r is not in %r' % (until, text)) from e
            kept = [m for m in client.signals if m.header.fields.get(HeaderFields.member) == 'ConsoleOutput']
            client.signals.clear()
            for m in kept:
                self.assertEqual(m.body[0], number)
                text += bytes(m.body[1])
        return text

    def test_a_console_is_followed_by_who_asked_and_by_nobody_else(self):
        guest = self.alice.create()
        self.assertState(guest, 'active')
        follower, other = self.client('alice'), self.client('alice')
        rule = MatchRule(type='signal', interface=INSTANCE, member='ConsoleOutput')
        other.connection.send_and_get_reply(DBus().AddMatch(rule), timeout=10)
        whole = bytes(self.alice.verb(guest, 'GetConsoleOutput')[0])
        number, = follower.verb(guest, 'FollowConsole', options={'lines': ('u', 1)})
        self.assertEqual(self.heard(follower, number, b'LAST LINE'), whole.rstrip(b'\n').rsplit(b'\n', 1)[-1] + whole[len(whole.rstrip(b'\n')):])
        self.alice.do(guest, 'Reboot', 'hard', signature='s')
        grown = bytes(self.alice.verb(guest, 'GetConsoleOutput')[0])
        self.assertGreater(len(grown), len(whole))
        self.assertEqual(self.heard(follower, number, grown[len(whole):]), grown[len(whole):])
        self.assertError(ERROR + 'NotFollowing', 'by the number %d' % number, other.call, INSTANCE, 'UnfollowConsole', 't', (number,),
                         path=path_of(guest))
        follower.call(INSTANCE, 'UnfollowConsole', 't', (number,), path=path_of(guest))
        self.assertError(ERROR + 'NotFollowing', 'number', follower.call, INSTANCE, 'UnfollowConsole', 't', (number,), path=path_of(guest))
        # callers that leave are forgotten, or nobody could follow any more
        for _ in range(140):
            leaver = Client('alice')
            leaver.call(INSTANCE, 'FollowConsole', 'a{sv}', ({},), path=path_of(guest))
            leaver.close()
        for _ in range(16):
            follower.verb(guest, 'FollowConsole')
        self.assertError('org.freedesktop.DBus.Error.LimitsExceeded', 'Too many consoles', follower.verb, guest, 'FollowConsole')
        self.alice.do(guest, 'Delete')
        self.assertEqual([m for m in other.signals if m.header.fields.get(HeaderFields.member) == 'ConsoleOutput'], [])

    def test_rescue_rebuild_and_images(self):
        c, guest = self.alice, self.alice.create(name='web', user_data='#!/bin/sh')
        self.assertState(guest, 'active')
        self.assertError(ERROR + 'NoSuchImage', "rescued: Image nothing could not be found", c.verb, guest, 'Rescue',
                         options={'image': ('s', 'nothing')})
        c.do(guest, 'Rescue', options={'image': ('s', 'rescue'), 'admin_password': ('s', 'secret-of-rescue')})
        self.assertState(guest, 'rescued')
        c.do(guest, 'Unrescue')
        self.assertState(guest, 'active')
        c.do(guest, 'Rescue')
        c.do(guest, 'Unrescue')
        self.assertState(guest, 'active')

        c.do(guest, 'Rebuild', '', signature='s', options={'name': ('s', 'web 2'), 'user_data': ('ay', b'\x00\x01'),
                                                           'admin_password': ('s', 'secret-of-rebuild')})
        self.assertState(guest, 'active')
        eventually(lambda: self.of(guest, 'DisplayName') == 'web 2')
        stored = json.loads(self.sql('SELECT object FROM instances WHERE uuid = ?', guest)[0]['object'])['nova_object.data']
        self.assertEqual(stored['user_data'], 'AAE=')
        self.assertError(ERROR + 'NoSuchImage', 'rebuilt: Image nothing', c.verb, guest, 'Rebuild', 'nothing', signature='s')
        c.do(guest, 'Rebuild', 'rescue', signature='s')
        eventually(lambda: self.of(guest, 'Image') == 'rescue')

        c.do(guest, 'Snapshot', 'my image', signature='s')
        for n in range(3):
            c.do(guest, 'Backup', 'backup %d' % n, 'daily', 2, signature='ssu')
        images = {}
        folder = os.path.join(self.daemon.state, 'images')
        for name in os.listdir(folder):
            if name.endswith('.json'):
                with open(os.path.join(folder, name), encoding='utf-8') as f:
                    images[json.load(f)['name']] = name[:-5]
        self.assertIn('my image', images)
        self.assertEqual(len([n for n in images if n.startswith('backup')]), 2)
        # one of them makes an instance, by its name and of its project only
        self.alice.do(self.alice.create(image='my image'), 'Delete')
        self.assertError(ERROR + 'NoSuchImage', 'could not be found', self.alice.create, image='my image', project='beta')
        self.assertError(INVALID_ARGS, '1 to 255 characters', c.verb, guest, 'Snapshot', '', signature='s')
        self.assertError(INVALID_ARGS, 'rotation', c.verb, guest, 'Backup', 'a', 'daily', 4294967295, signature='ssu')
        c.do(guest, 'Delete')
        with open(self.daemon.log, encoding='utf-8', errors='replace') as f:
            self.assertNotIn('secret-of', f.read())

    def test_inside_of_guests(self):
        c, guest = self.alice, self.alice.create()
        self.assertState(guest, 'active')
        for method, args, signature in (('SetAdminPassword', ('Pass-w0rd',), 's'), ('InjectFile', ('/etc/motd', b'hello\x00'), 'say'),
                                        ('Quiesce', (), ''), ('Unquiesce', (), ''),
                                        ('ResetNetwork', (), ''), ('TriggerCrashDump', (), '')):
            with self.subTest(method):
                c.do(guest, method, *args, signature=signature)
        self.assertError(INVALID_ARGS, 'must begin with /', c.verb, guest, 'InjectFile', 'etc/motd', b'', signature='say')
        self.assertError(INVALID_ARGS, '1 to 255', c.verb, guest, 'SetAdminPassword', '', signature='s')
        c.do(guest, 'Delete')
        with open(self.daemon.log, encoding='utf-8', errors='replace') as f:
            self.assertNotIn('Pass-w0rd', f.read())

    def test_interfaces(self):
        c = self.alice
        guest = c.create(networks=['private'], fixed_ips=['10.1.0.77'])
        self.assertState(guest, 'active')
        networks = [{k: v[1] for k, v in n.items()} for n in self.of(guest, 'Networks')]
        self.assertEqual([(n['network'], n['addresses']) for n in networks], [('private', ['10.1.0.77/24'])])
        self.assertError(ERROR + 'NoSuchNetwork', 'Network office', c.verb, guest, 'AttachInterface', 'office', signature='s')
        self.assertError(INVALID_ARGS, "'nonsense' is no address", c.verb, guest, 'AttachInterface', 'public', signature='s',
                         options={'fixed_ip': ('s', 'nonsense')})
        c.do(guest, 'AttachInterface', 'public', signature='s', options={'fixed_ip': ('s', '192.0.2.9')})
        eventually(lambda: len(self.of(guest, 'Networks')) == 2)
        mac = {k: v[1] for k, v in self.of(guest, 'Networks')[1].items()}['mac']
        self.assertError(ERROR + 'NoSuchInterface', 'fa:16:3e:00:00:01', c.verb, guest, 'DetachInterface', 'fa:16:3e:00:00:01', signature='s')
        c.do(guest, 'DetachInterface', mac.upper(), signature='s')
        eventually(lambda: len(self.of(guest, 'Networks')) == 1)
        ended = c.do(guest, 'AttachInterface', 'private', signature='s', options={'fixed_ip': ('s', '10.1.0.77')}, result='failed')
        self.assertEqual(ended.details['error'], 'FixedIpAlreadyInUse')
        c.do(guest, 'Delete')
        self.assertEqual(self.sql('SELECT address FROM fixed_ips'), [])

    def test_an_instance_is_created_as_it_is_said(self):
        c, wanted = self.alice, str(uuid.uuid4())
        guest = c.create(name='Web Server 1', uuid=wanted, vcpus=2, memory_mib=96, disk_gib=3, ephemeral_gib=1, swap_mib=8, networks=['public'],
                         user_data=('ay', b'#!/bin/sh\n'), metadata={'role': 'db'}, key_name='mine', public_key=KEY, admin_password='Crea-te',
                         config_drive=True, availability_zone='nova', project='alpha', user='ann')
        self.assertEqual(guest, wanted)
        self.assertState(guest, 'active')
        said = self.bob.all(INSTANCE, path_of(guest))
        self.assertEqual((said['DisplayName'], said['Hostname'], said['Project'], said['User'], said['Flavor'], said['VCPUs'], said['MemoryMiB'],
                          said['RootGiB'], said['EphemeralGiB'], said['SwapMiB'], said['KeyName'], said['ConfigDrive'], said['Image'],
                          said['AvailabilityZone'], said['Metadata']),
                         ('Web Server 1', 'web-server-1', 'alpha', 'ann', 'custom', 2, 96, 3, 1, 8, 'mine', True, 'cirros', 'nova', {'role': 'db'}))
        stored = json.loads(self.sql('SELECT object FROM instances WHERE uuid = ?', guest)[0]['object'])['nova_object.data']
        self.assertEqual((stored['user_data'], stored['key_data']), ('IyEvYmluL3NoCg==', KEY))
        self.assertError(ERROR + 'InstanceExists', 'already exists', c.create, uuid=wanted)
        c.do(guest, 'Delete')
        self.assertError(ERROR + 'InstanceExists', 'already exists', c.create, uuid=wanted)
        with open(self.daemon.log, encoding='utf-8', errors='replace') as f:
            self.assertNotIn('Crea-te', f.read())
        self.assertNotIn('Crea-te', json.dumps(self.sql('SELECT args FROM operations')) if self.sql(
            "SELECT name FROM sqlite_master WHERE name = 'operations'") else '')

    def test_a_flavor_by_its_name(self):
        guest = self.alice.create(flavor='gold')
        self.assertState(guest, 'active')
        self.assertEqual((self.of(guest, 'Flavor'), self.of(guest, 'VCPUs'), self.of(guest, 'SwapMiB'), self.of(guest, 'User'), self.of(guest, 'Project')),
                         ('gold', 2, 16, 'uid:1500', 'default'))
        self.alice.do(guest, 'Delete')

    def test_what_cannot_be_created_is_refused_and_nothing_is_made(self):
        before = self.state_before()
        for properties, name, text in (
                ({'image': 'nothing'}, ERROR + 'NoSuchImage', 'created: Image nothing could not be found'),
                ({'flavor': 'm9'}, ERROR + 'NoSuchFlavor', 'Flavor m9 could not be found'),
                ({'networks': ['office']}, ERROR + 'NoSuchNetwork', 'Network office could not be found'),
                ({'networks': ['public'], 'fixed_ips': ['10.1.0.5']}, INVALID_ARGS, 'not of network public'),
                ({'name': ''}, INVALID_ARGS, 'may not be empty'),
                ({'name': 'x' * 256}, INVALID_ARGS, '256 characters'),
                ({'memory_mib': ('s', '5')}, INVALID_ARGS, "'memory_mib' is of type s, but must be of type u or t"),
                ({'colour': 'red'}, INVALID_ARGS, "Unknown Property 'colour'"),
                ({'uuid': '../../etc'}, INVALID_ARGS, 'Expected a uuid'),
                ({'vcpus': 1}, INVALID_ARGS, 'memory_mib is missing'),
                ({'user_data': 'x' * 65536}, INVALID_ARGS, 'base64'),
                ({'public_key': 'nonsense'}, INVALID_ARGS, 'authorized_keys'),
                ({'availability_zone': 'mars'}, INVALID_ARGS, "this host is of 'nova'"),
                ({'vcpus': 1, 'memory_mib': 0, 'disk_gib': 1}, INVALID_ARGS, 'memory_mib is 0'),
                ({'vcpus': 1, 'memory_mib': 2 ** 63, 'disk_gib': 1}, INVALID_ARGS, 'must be from 1')):
            with self.subTest(properties):
                self.assertError(name, text, self.alice.create, **properties)
        self.assertEqual(self.state_before(), before)
        # networks to choose from, and none chosen
        self.assertError(ERROR + 'AmbiguousNetwork', 'More than one', self.alice.call, MANAGER, 'CreateInstance', 'a{sv}',
                         ({'name': ('s', 'x'), 'image': ('s', 'cirros'), 'flavor': ('s', 'm1.tiny')},))

    def test_what_finds_no_room_fails_as_a_job(self):
        guest, job = self.alice.create(wait=False, vcpus=4000, memory_mib=64, disk_gib=1)
        ended = self.alice.wait_job(job)
        self.assertEqual((ended.result, ended.details['error'], ended.details['instance_uuid']), ('failed', 'ComputeResourcesUnavailable', guest))
        eventually(lambda: self.of(guest, 'VmState') == 'error')
        self.alice.do(guest, 'Delete')

    def test_operators_of_one_project_have_their_own_instances_and_no_others(self):
        carol = self.client('carol')
        own, others = carol.create(project='alpha'), self.alice.create(project='beta')
        self.assertState(own, 'active')
        self.assertState(others, 'active')
        carol.do(own, 'Stop')
        self.assertEqual(carol.verb(own, 'GetActions')[0][0]['user'][1], 'uid:1504')
        for guest, method in (others, 'Stop'), (others, 'Delete'), (others, 'GetConsoleOutput'), (others, 'GetActions'):
            self.assertError(CHALLENGE, 'interactive', carol.verb, guest, method)
        self.assertError(CHALLENGE, 'interactive', carol.create, project='beta')
        self.assertError(CHALLENGE, 'interactive', carol.create)
        carol.do(own, 'Delete')
        self.alice.do(others, 'Delete')

    def test_bob_is_refused_whatever_he_says_and_before_it_is_looked_at(self):
        guest = self.alice.create()
        self.assertState(guest, 'active')
        before = self.state_before()
        nonsense = {'s': '\u00e4' * 3000, 'u': 4294967295, 'ay': b'\xff' * 1000, 'a{ss}': {'': 'x' * 1000},
                    'a{sv}': {'no such thing': ('s', 'x'), 'image': ('u', 3)}}
        methods = interface_methods(INSTANCE)
        del methods['UnfollowConsole']
        for method, (ins, _) in methods.items():
            with self.subTest(method):
                self.assertError(CHALLENGE, 'interactive', self.bob.call, INSTANCE, method, ''.join(ins), [nonsense[i] for i in ins],
                                 path=path_of(guest))
        self.assertError(CHALLENGE, 'interactive', self.bob.call, MANAGER, 'CreateInstance', 'a{sv}', ({'no': ('s', 'x')},))
        self.assertEqual(self.state_before(), before)
        self.alice.do(guest, 'Delete')

    def test_rules_hear_what_it_is_about(self):
        guest = self.alice.create(project='gamma', name='seen by rules')
        self.assertState(guest, 'active')
        self.alice.do(guest, 'Reboot', 'hard', signature='s')
        folder = os.path.dirname(os.environ.get('SANDBOX_DIR', '/nowhere') + '/x')
        with open(os.path.join(folder, 'polkitd.log'), encoding='utf-8', errors='replace') as f:
            said = f.read()
        self.assertRegex(said, 'manage-instances verb=reboot host=testhost.* uuid=%s name=seen by rules project=gamma' % guest)
        self.assertRegex(said, 'create-instances verb=create host=testhost.* uuid=undefined name=seen by rules project=gamma')
        self.alice.do(guest, 'Delete')

    def test_what_is_not_there_or_too_large(self):
        guest = self.alice.create()
        self.assertState(guest, 'active')
        stranger = str(uuid.uuid4())
        self.assertError(UNKNOWN, 'Unknown object', self.alice.verb, stranger, 'Stop')
        self.assertError(INVALID_ARGS, "Invalid arguments 's'", self.alice.call, INSTANCE, 'Stop', 's', ('x',), path=path_of(guest))
        self.assertError('org.freedesktop.DBus.Error.LimitsExceeded', 'more than 1048576 bytes', self.alice.verb, guest, 'InjectFile', '/x',
                         b'x' * (2 << 20), signature='say')
        self.assertError('org.freedesktop.DBus.Error.LimitsExceeded', 'more than 1048576 bytes', self.bob.verb, guest, 'Snapshot',
                         'x' * (8 << 20), signature='s')
        self.assertError(INVALID_ARGS, "Unknown Option 'force': there is none for Start|Unknown Option 'force'", self.alice.verb, guest, 'Stop',
                         options={'force': ('b', True)})
        self.assertError(INVALID_ARGS, "'timeout' is of type s", self.alice.verb, guest, 'Stop', options={'timeout': ('s', '5')})
        self.assertError(INVALID_ARGS, 'shutdown_timeout is 4294967295', self.alice.verb, guest, 'Stop', options={'timeout': ('u', 4294967295)})
        self.assertError(INVALID_ARGS, "type is 'warm'", self.alice.verb, guest, 'Reboot', 'warm', signature='s')
        self.assertState(guest, 'active')
        self.alice.do(guest, 'Delete')


class Libvirt(EveryVerb, WithVerbs):
    """libvirt's own test driver, in the daemon's process: it has no disks and no consoles."""
    driver = 'libvirt.LibvirtDriver'
    groups = {'libvirt': {'connection_uri': 'test:///default', 'virt_type': 'test'}}
    options = {'flavor': 'name=m1.tiny,vcpus=1,memory=64,disk=0', 'stub_network': 'true'}

    def test_what_libvirt_has_not_is_said(self):
        guest = self.alice.create()
        self.assertState(guest, 'active')
        self.assertError(ERROR + 'NoConsole', 'There is no console to be had', self.alice.verb, guest, 'GetSpiceConsole')
        self.alice.do(guest, 'Delete')


class Nodes(WithVerbs):
    """NUMA nodes: libvirt's test driver has two, of 2 and 4 GiB, and all of its three CPUs on the first."""
    driver = 'libvirt.LibvirtDriver'
    groups = {'libvirt': {'connection_uri': 'test:///default', 'virt_type': 'test'}}
    options = {'stub_network': 'true', 'cpu_allocation_ratio': '1.0', 'ram_allocation_ratio': '1.0', 'reserved_host_memory_mb': '0',
               'flavor': ['name=one,vcpus=1,memory=1024,disk=0,hw:numa_nodes=1', 'name=own,vcpus=1,memory=512,disk=0,hw:cpu_policy=dedicated',
                          'name=odd,vcpus=3,memory=512,disk=0,hw:numa_nodes=2']}

    def cells(self):
        text = self.sql('SELECT numa_topology FROM compute_nodes WHERE deleted = 0')[0]['numa_topology']
        return [tuple(len(d[f]) if isinstance(d[f], list) else d[f] for f in ('cpu_usage', 'memory_usage', 'pinned_cpus'))
                for d in (c['nova_object.data'] for c in json.loads(text)['nova_object.data']['cells'])]

    def test_what_a_flavor_says_of_nodes_is_claimed_and_given_back(self):
        eventually(lambda: self.cells() == [(0, 0, 0), (0, 0, 0)], what='the nodes of the host')
        first, second = (self.root.create(flavor='one') for _ in range(2))
        eventually(lambda: self.cells() == [(2, 2048, 0), (0, 0, 0)], what='%r' % self.cells())
        # the host has a CPU and 1 GiB left, but not on one node
        failed, job = self.root.create(wait=False, flavor='one')
        ended = self.root.wait_job(job)
        self.assertEqual((ended.result, ended.details['message']), (
            'failed', 'Insufficient compute resources: Requested instance NUMA topology cannot fit the given host NUMA topology.'))
        self.root.do(first, 'Delete')
        own = self.root.create(flavor='own')
        eventually(lambda: self.cells() == [(1, 1536, 1), (0, 0, 0)], what='%r' % self.cells())
        for each in second, own, failed:
            self.root.do(each, 'Delete')
        eventually(lambda: self.cells() == [(0, 0, 0), (0, 0, 0)], what='%r' % self.cells())

    def test_what_cannot_be_divided_is_refused_at_once(self):
        self.assertError(INVALID_ARGS, 'evenly distributed', self.root.create, flavor='odd')


class Waiting(WithVerbs):
    """A build that was accepted and had not begun when the daemon ended."""
    options = {'max_concurrent_builds': '1', 'stop_timeout': '5'}

    def waits(self):
        """One that hangs, and one behind it. Both uuids and jobs."""
        v = self.daemon
        v.groups['fake'].update(fault_file=os.path.join(v.folder, 'faults'), guests_file=os.path.join(v.folder, 'guests'))
        with open(v.groups['fake']['fault_file'], 'w', encoding='ascii') as f:
            f.write('spawn:hang\n')
        v.stop()
        v.start()
        eventually(lambda: self.bob.owner(), what='the name')
        first = self.root.create(wait=False)
        eventually(lambda: self.task(first[0]) == ['spawning'])
        second = self.root.create(wait=False)
        eventually(lambda: self.task(second[0]) == ['scheduling'])
        return first, second

    def task(self, guest):
        return [row['task_state'] for row in self.sql('SELECT task_state FROM instances WHERE uuid = ?', guest)]

    def again(self):
        os.unlink(self.daemon.groups['fake']['fault_file'])
        self.daemon.start()
        eventually(lambda: self.bob.owner(), what='the name')

    def assertFailed(self, guest):
        self.assertState(guest, 'error')
        fault, = self.sql('SELECT message FROM instance_faults WHERE instance_uuid = ?', guest)
        self.assertEqual(fault['message'], 'nova-compute was stopped while the instance was building, scheduling')
        self.root.do(guest, 'Delete')
        self.assertGone(guest)

    def test_killed_it_is_built_later(self):
        first, second = self.waits()
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.again()
        self.assertState(first[0], 'error')
        self.assertState(second[0], 'active')
        for guest, _ in first, second:
            self.root.do(guest, 'Delete')

    def test_told_at_a_stop_that_it_does_not_begin_it_has_failed(self):
        first, second = self.waits()
        # the one that runs ends, so that the stop does
        self.daemon.process.terminate()
        self.daemon.wait_notified('STOPPING=1', 10)
        os.truncate(self.daemon.groups['fake']['fault_file'], 0)
        ended = self.root.wait_job(second[1])
        self.assertEqual((ended.result, ended.details['message']), ('failed', 'build_and_run_instance was not begun: the service stops'))
        self.daemon.process.wait()
        self.again()
        self.assertState(first[0], 'active')
        self.root.do(first[0], 'Delete')
        self.assertFailed(second[0])

    def test_cancelled_while_it_waits_it_has_failed_at_once(self):
        first, second = self.waits()
        self.root.call(JOB, 'Cancel', 'a{sv}', ({},), path=second[1])
        ended = self.root.wait_job(second[1])
        self.assertEqual((ended.result, ended.details['message']), ('cancelled', 'build_and_run_instance was cancelled'))
        self.assertEqual(self.task(first[0]), ['spawning'])
        self.assertState(second[0], 'error')
        self.assertEqual(self.task(second[0]), [None])
        fault, = self.sql('SELECT message FROM instance_faults WHERE instance_uuid = ?', second[0])
        self.assertEqual(fault['message'], 'build_and_run_instance was cancelled')
        os.truncate(self.daemon.groups['fake']['fault_file'], 0)
        self.assertState(first[0], 'active')
        self.root.do(second[0], 'Delete')
        self.assertGone(second[0])

        # a deletion has marked the row when it was accepted, and takes that back in its turn
        with open(self.daemon.groups['fake']['fault_file'], 'w', encoding='ascii') as f:
            f.write('reboot:hang\n')
        self.root.verb(first[0], 'Reboot', 'soft', signature='s')
        eventually(lambda: self.task(first[0]) == ['reboot_started'])
        job, = self.root.verb(first[0], 'Delete')
        eventually(lambda: self.task(first[0]) == ['deleting'])
        self.root.call(JOB, 'Cancel', 'a{sv}', ({},), path=job)
        os.truncate(self.daemon.groups['fake']['fault_file'], 0)
        self.assertEqual(self.root.wait_job(job).result, 'cancelled')
        self.assertEqual(self.task(first[0]), [None])
        self.root.do(first[0], 'Delete')
        self.assertGone(first[0])

    def test_without_a_journal_it_has_failed(self):
        v = self.daemon
        v.configure(request_journal='false')
        self.addCleanup(v.configure, request_journal='true')
        _, second = self.waits()
        v.process.kill()
        v.process.wait()
        self.again()
        self.assertFailed(second[0])


if __name__ == '__main__':
    unittest.main()
