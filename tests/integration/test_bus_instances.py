"""Instances and jobs on the bus, of the daemon itself with the fake driver, asked for by Nova's own client: what ObjectManager has,
what is signalled and what is not, by whom a job may be cancelled. alice may do all (bus.rules), bob next to nothing."""
import contextlib
import os
import subprocess
import sys
import time
import unittest
import uuid
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from busclient import INSTANCE, JOB, MANAGER, PATH, PROPERTIES, SERVICE, Client, Error  # noqa: E402
from novatest import BUILD, SOURCE, eventually  # noqa: E402
from test_bus import ERROR, introspected  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402
from wireclient import SLOW, enveloped  # noqa: E402

FLOOD = os.path.join(BUILD, 'tests', 'integration', 'bus-flood')
READ = os.path.join(BUILD, 'tests', 'integration', 'bus-read')
OBJECTS = 'org.freedesktop.DBus.ObjectManager'


def instance_path(uuid):
    return PATH + '/instance/' + uuid.replace('-', '_')


class Said:
    """A signal: who said it (path), what (member), and its arguments without the types of their variants."""

    def __init__(self, message):
        from jeepney import HeaderFields
        fields = message.header.fields
        self.path, self.interface, self.member = (fields.get(f) for f in (HeaderFields.path, HeaderFields.interface, HeaderFields.member))
        self.body = message.body

    @property
    def changed(self):
        """Of PropertiesChanged: {name: value}; nothing is ever invalidated."""
        assert self.body[2] == [], self.body
        return {k: v[1] for k, v in self.body[1].items()}

    def __repr__(self):
        return '%s %s%r' % (self.path, self.member, self.body)


class OnBus(OnCloud):
    def setUp(self):
        super().setUp()
        self.bob = self.bus('bob')

    def assertError(self, name, text, function, *args, **kwargs):
        with self.assertRaises(Error) as raised:
            function(*args, **kwargs)
        self.assertRegex(raised.exception.name, '^%s$' % name, raised.exception)
        self.assertRegex(raised.exception.text, text)

    def objects(self, client=None):
        """What ObjectManager has: {path: {interface: {property: value}}}."""
        found = (client or self.bob).call(OBJECTS, 'GetManagedObjects')[0]
        return {path: {i: {k: v[1] for k, v in p.items()} for i, p in interfaces.items()} for path, interfaces in found.items()}

    def listening(self):
        """A client that keeps every signal of the daemon from now on."""
        from jeepney import MatchRule
        from jeepney.bus_messages import DBus
        client = self.bus('bob')
        for rule in (MatchRule(type='signal', path_namespace=PATH), MatchRule(type='signal', interface=OBJECTS)):
            client.connection.send_and_get_reply(DBus().AddMatch(rule), timeout=10)
        client.get('State')             # and what was said before is there
        client.signals.clear()
        client.heard = []
        return client

    def heard(self, client, until, seconds=10):
        """All that was said, up to the first for which @until is true."""
        end = time.monotonic() + seconds * SLOW
        while True:
            while client.signals:
                said = Said(client.signals.popleft())
                client.heard.append(said)
                if until(said):
                    return client.heard
            try:
                client.receive(max(end - time.monotonic(), 0.001))
            except TimeoutError:
                raise AssertionError('not said within %g s; heard: %r' % (seconds, client.heard)) from None

    def ended(self, client, method):
        """All that was said until the job of @method ended."""
        return self.heard(client, lambda s: s.member == 'JobRemoved' and s.body[3]['method'][1] == method)

    def jobs(self):
        return {p: i[JOB] for p, i in self.objects().items() if JOB in i}

    def of(self, guest, name=None):
        all_of_it = self.bob.all(INSTANCE, instance_path(guest.uuid))
        return all_of_it[name] if name else all_of_it


class Objects(OnBus):
    def test_an_instance_is_on_the_bus_as_it_is_in_the_store(self):
        guest = self.built(display_name='web one', metadata={'role': 'web', 'tier': '1'}, key_name='mine', config_drive='True')
        eventually(lambda: self.of(guest, 'TaskState') == '')
        row, said = self.cloud.row(guest.uuid), self.of(guest)
        self.assertEqual(said['Uuid'], guest.uuid)
        self.assertEqual((said['Name'], said['DisplayName'], said['Hostname']), (row['name'], 'web one', row['hostname']))
        self.assertEqual((said['Project'], said['User']), (row['project_id'], row['user_id']))
        self.assertEqual((said['VmState'], said['TaskState'], said['PowerState']), ('active', '', 'running'))
        self.assertEqual((said['Flavor'], said['VCPUs'], said['MemoryMiB'], said['RootGiB'], said['EphemeralGiB'], said['SwapMiB']),
                         ('m1.tiny', 1, 64, 1, 0, 0))
        self.assertEqual(said['Metadata'], {'role': 'web', 'tier': '1'})
        self.assertEqual((said['KeyName'], said['ConfigDrive'], said['Image']), ('mine', True, 'cirros'))
        self.assertEqual((said['Networks'], said['Volumes'], said['Fault'], said['FaultUSec'], said['Locked']), ([], [], '', 0, False))
        self.assertTrue(0 < said['CreatedUSec'] <= said['LaunchedUSec'] <= said['UpdatedUSec'])
        self.assertEqual(said['TerminatedUSec'], 0)
        self.assertIn('Stop', said['Verbs'])
        self.assertIn('Reboot', said['Verbs'])
        self.assertNotIn('Start', said['Verbs'])
        self.assertNotIn('Unpause', said['Verbs'])
        eventually(lambda: self.of(guest, 'Jobs') == [])

        managed = self.objects()
        self.assertEqual(managed[instance_path(guest.uuid)][INSTANCE], self.of(guest))
        self.assertEqual(self.bob.get('NInstances', MANAGER), len([p for p in managed if '/instance/' in p]))

        self.cloud.terminate(guest)
        self.assertGone(guest)
        eventually(lambda: instance_path(guest.uuid) not in self.objects())
        self.assertError('org.freedesktop.DBus.Error.UnknownObject', 'Unknown object', self.of, guest)

    def test_introspection_of_an_instance_equals_the_installed_xml(self):
        guest = self.built()
        text = self.bob.call('org.freedesktop.DBus.Introspectable', 'Introspect', path=instance_path(guest.uuid))[0]
        found = {i.get('name'): introspected(None, i) for i in ElementTree.fromstring(text).findall('interface')}
        file = ElementTree.parse(os.path.join(SOURCE, 'dbus', INSTANCE + '.xml')).getroot().find('interface')
        self.assertEqual(found[INSTANCE], introspected(None, file))
        text = self.bob.call('org.freedesktop.DBus.Introspectable', 'Introspect', path=PATH + '/instance')[0]
        self.assertIn(guest.uuid.replace('-', '_'), {n.get('name') for n in ElementTree.fromstring(text).findall('node')})

    def test_a_name_or_the_beginning_of_a_uuid_finds_the_instance(self):
        one, two = self.built(display_name='lone'), self.built(display_name='twin')
        self.built(display_name='twin')
        get = lambda name: self.bob.call(MANAGER, 'GetInstance', 's', (name,))[0]  # noqa: E731
        for name in (one.uuid, one.uuid[:13], 'lone', self.of(one, 'Name')):
            self.assertEqual(get(name), instance_path(one.uuid))
        self.assertEqual(get(two.uuid), instance_path(two.uuid))
        self.assertError(ERROR + 'AmbiguousName', "2 instances are called 'twin'", get, 'twin')
        for name in ('', 'nobody', str(uuid.uuid4()), 'x' * 1000000):
            self.assertError(ERROR + 'NoSuchInstance', "There is no instance '%s" % name[:10], get, name)

    def test_a_failed_build_is_shown_with_its_fault(self):
        self.daemon.fault('spawn:fail:InternalError')
        guest = self.cloud.build()
        self.assertFailed(guest, '.')
        said = eventually(lambda: self.of(guest, 'VmState') == 'error' and self.of(guest, 'Fault') and self.of(guest))
        self.assertEqual(said['Fault'], self.cloud.faults(guest)[0]['message'])
        self.assertGreater(said['FaultUSec'], said['CreatedUSec'])
        self.assertEqual(said['TaskState'], '')

    def test_after_a_restart_the_same_is_shown(self):
        guest = self.built(display_name='kept', metadata={'a': 'b'}, key_name='mine', config_drive='True')
        self.daemon.fault('spawn:fail:InternalError')
        failed = self.cloud.build()
        self.assertFailed(failed, '.')
        eventually(lambda: self.of(failed, 'Fault') and not self.jobs())
        before = {g.uuid: self.of(g) for g in (guest, failed)}
        self.daemon.fault()
        self.daemon.stop()
        self.daemon.start()
        eventually(lambda: instance_path(guest.uuid) in self.objects() and instance_path(failed.uuid) in self.objects())
        eventually(lambda: not self.jobs())
        for g in (guest, failed):
            after = self.of(g)
            after['UpdatedUSec'] = before[g.uuid]['UpdatedUSec']
            self.assertEqual(after, before[g.uuid])

    def test_paths_that_are_none_are_unknown_objects(self):
        for path in ('/instance', '/instance/x', '/instance/' + '_' * 36, '/instance/' + '0' * 36, '/instance/' + 'a' * 5000, '/job', '/job/x',
                     '/job/00', '/job/_1', '/job/99999999999999999999999999', '/job/0x1', '/job/1/2'):
            interface = JOB if '/job' in path else INSTANCE
            self.assertError('org.freedesktop.DBus.Error.Unknown(Object|Interface)', '.', self.bob.all, interface, PATH + path)


class Signals(OnBus):
    def test_a_life_is_told_and_nothing_but_what_changed(self):
        listener = self.listening()
        guest = self.built()
        path = instance_path(guest.uuid)
        heard = self.ended(listener, 'build_and_run_instance')

        [added] = [s for s in heard if s.member == 'InterfacesAdded' and s.body[0] == path]
        shown = {k: v[1] for k, v in added.body[1][INSTANCE].items()}
        job_id, job = [s.body for s in heard if s.member == 'JobNew'][0]
        self.assertEqual(job, '%s/job/%d' % (PATH, job_id))
        [ended] = [s for s in heard if s.member == 'JobRemoved']
        self.assertEqual((ended.body[0], ended.body[1], ended.body[2]), (job_id, job, 'done'))
        self.assertEqual({k: v[1] for k, v in ended.body[3].items()},
                         {'method': 'build_and_run_instance', 'instance': path, 'instance_uuid': guest.uuid})
        order = [s.member for s in heard if job in s.body[:2] and s.member != 'PropertiesChanged']
        self.assertEqual(order, ['JobNew', 'InterfacesAdded', 'InterfacesRemoved', 'JobRemoved'])
        self.replay(listener, heard, path, shown)

        listener.heard.clear()
        self.cloud.stop(guest)
        heard = self.ended(listener, 'stop_instance')
        self.replay(listener, heard, path, shown)
        self.assertEqual(shown['VmState'], 'stopped')
        for name in ('Uuid', 'Name', 'MemoryMiB', 'Metadata', 'Networks', 'Fault', 'CreatedUSec'):
            self.assertFalse([s for s in heard if s.member == 'PropertiesChanged' and s.path == path and name in s.changed], name)

        listener.heard.clear()
        self.cloud.terminate(guest)
        heard = self.ended(listener, 'terminate_instance')
        [gone] = [s for s in heard if s.member == 'InterfacesRemoved' and s.body[0] == path]
        self.assertEqual(gone.body[1], [INSTANCE])

    def replay(self, listener, heard, path, shown):
        """Follows the signals with @shown, until it is what the daemon says; each must bring news."""
        def follow(said):
            if said.member == 'PropertiesChanged' and said.path == path:
                self.assertEqual(said.body[0], INSTANCE)
                for name, value in said.changed.items():
                    self.assertNotEqual(shown[name], value, 'told again: %r' % said)
                shown.update(said.changed)

        for said in heard:
            follow(said)
        now = eventually(lambda: [n for n in [self.bob.all(INSTANCE, path)] if n['Jobs'] == [] and n['TaskState'] == ''])[0]
        if shown != now:
            self.heard(listener, lambda said: follow(said) or shown == now)
        self.assertEqual(shown, now)

    def test_a_stop_takes_nothing_apart_before_the_name_goes(self):
        guest = self.built()
        eventually(lambda: not self.jobs())
        listener = self.listening()
        self.addCleanup(self.daemon.start)
        self.assertEqual(self.daemon.stop(), 0)
        listener.bus('GetId')           # what was said before is there
        heard = [Said(s) for s in listener.signals]
        self.assertEqual([s for s in heard if s.member == 'InterfacesRemoved'], [])
        changed = [s for s in heard if s.member == 'PropertiesChanged']
        self.assertEqual([s.changed['State'] for s in changed if 'State' in s.changed][-1:], ['stopped'])
        self.assertFalse([s for s in changed if s.changed.get('Host') == '' or s.path == instance_path(guest.uuid)], changed)

    def test_what_is_done_again_is_not_told(self):
        guest = self.built()
        eventually(lambda: not self.jobs())
        listener = self.listening()
        self.bus('alice').verb('RunPeriodicTask', '_sync_power_states')
        self.bus('alice').verb('UpdateAvailableResource')
        listener.get('State')
        said = [Said(m) for m in listener.signals]
        self.assertFalse([s for s in said if s.path == instance_path(guest.uuid)], said)


class Jobs(OnBus):
    def test_a_job_says_what_it_is_and_where_it_stands(self):
        guest = self.built()
        eventually(lambda: not self.jobs())
        self.daemon.fault('power_off:hang')
        self.cloud.stop(guest)
        self.cloud.reboot(guest)
        jobs = eventually(lambda: len(self.jobs()) == 2 and [j['State'] for j in self.jobs().values()] == ['running', 'waiting'] and self.jobs())
        (first_path, first), (second_path, second) = jobs.items()
        self.assertEqual((first['Method'], second['Method']), ('stop_instance', 'reboot_instance'))
        for path, job in jobs.items():
            self.assertEqual((job['Instance'], job['InstanceUuid'], job['Origin'], job['User']),
                             (instance_path(guest.uuid), guest.uuid, 'rpc', 'demo'))
            self.assertRegex(job['RequestId'], '^req-')
            self.assertEqual(path, '%s/job/%d' % (PATH, job['Id']))
            self.assertGreater(job['AcceptedUSec'], 0)
            self.assertFalse(job['Stalled'])
        self.assertGreaterEqual(first['StartedUSec'], first['AcceptedUSec'])
        self.assertGreater(first['DeadlineUSec'], first['StartedUSec'])
        self.assertEqual((second['StartedUSec'], second['DeadlineUSec']), (0, 0))
        self.assertEqual((first['Cancellable'], second['Cancellable']), (False, True))
        self.assertEqual(self.of(guest, 'Jobs'), [first_path, second_path])
        self.assertEqual(self.bob.get('NJobs', MANAGER), 2)
        text = self.bob.call('org.freedesktop.DBus.Introspectable', 'Introspect', path=first_path)[0]
        found = {i.get('name'): introspected(None, i) for i in ElementTree.fromstring(text).findall('interface')}
        file = ElementTree.parse(os.path.join(SOURCE, 'dbus', JOB + '.xml')).getroot().find('interface')
        self.assertEqual(found[JOB], introspected(None, file))

        alice, listener = self.bus('alice'), self.listening()
        cancel = lambda who, path: who.call(JOB, 'Cancel', 'a{sv}', ({},), path=path)  # noqa: E731
        self.assertError('org.freedesktop.DBus.Error.*(AccessDenied|AuthorizationRequired)', '.', cancel, self.bob, second_path)
        self.assertError(ERROR + 'NotCancellable', 'stop_instance has begun', cancel, alice, first_path)
        cancel(alice, second_path)
        heard = self.ended(listener, 'reboot_instance')
        [ended] = [s for s in heard if s.member == 'JobRemoved' and s.body[1] == second_path]
        self.assertEqual(ended.body[2], 'cancelled')
        self.assertRegex(ended.body[3]['message'][1], 'reboot_instance was cancelled')
        self.assertEqual(self.bob.get('State', JOB, first_path), 'running')     # nothing waits for it
        self.daemon.fault()
        self.assertError('org.freedesktop.DBus.Error.UnknownObject', '.', cancel, alice, second_path)
        self.assertEqual(self.cloud.wait(guest, 'stopped')['vm_state'], 'stopped')

    def test_a_failure_is_told_with_its_exception(self):
        guest = self.built()
        listener = self.listening()
        self.daemon.fault('power_off:fail:InstancePowerOffFailure')
        self.cloud.stop(guest)
        ended = self.ended(listener, 'stop_instance')[-1]
        self.assertEqual((ended.body[2], ended.body[3]['error'][1]), ('failed', 'InstancePowerOffFailure'))
        self.assertTrue(ended.body[3]['message'][1], ended)


class Thousands(OnBus):
    options = {'max_accepted_requests': '0', 'debug': 'false'}
    number = 2000 if SLOW == 1 else 500

    def private_kib(self):
        with open('/proc/%d/smaps_rollup' % self.daemon.process.pid, encoding='ascii') as f:
            kib = {line.split(':')[0]: int(line.split()[1]) for line in f if line.endswith('kB\n')}
        return kib['Private_Clean'] + kib['Private_Dirty']

    def asked(self, guests, number):
        """Casts so many stops, one guest after the other."""
        from nova.objects import base
        serializer, raw = base.NovaObjectSerializer(), self.connect()
        known = [serializer.serialize_entity(self.cloud.context(), self.cloud.refreshed(g)) for g in guests]
        for n in range(number):
            raw.publish(enveloped(raw.request('stop_instance', {'instance': known[n % len(known)], 'clean_shutdown': False}, call=False)))

    def test_thousands_of_jobs_at_once_are_listed_and_told_and_leave_nothing(self):
        guests = [self.built() for _ in range(8)]
        eventually(lambda: not self.jobs())
        self.round(guests, 100)                 # what the first of anything costs
        before = self.private_kib()
        most = self.round(guests, self.number)
        if SLOW > 1:
            return                              # a sanitizer keeps what is freed
        # the pages between what is kept (of each request its id, for a while) are few and do not become more
        eventually(lambda: self.private_kib() < before + (most - before) // 5, what='of %d KiB, at most %d, %d are left' % (
            before, most, self.private_kib()))
        after = self.private_kib()
        self.round(guests, self.number)
        eventually(lambda: self.private_kib() < after + (most - before) // 5, what='%d KiB after as many again, %d before' % (
            self.private_kib(), after))

    def round(self, guests, number):
        listener = self.listening()
        self.daemon.fault('power_off:hang')
        self.asked(guests, number)
        eventually(lambda: self.bob.get('NJobs', MANAGER) == number, 60)
        jobs, most = self.jobs(), self.private_kib()
        self.assertEqual(len(jobs), number)
        self.assertEqual({path: '%s/job/%d' % (PATH, j['Id']) for path, j in jobs.items()}, {path: path for path in jobs})
        self.assertEqual(len([j for j in jobs.values() if j['State'] == 'running']), len(guests))
        for n, guest in enumerate(guests):
            own = self.of(guest, 'Jobs')
            self.assertEqual(len(own), len(range(n, number, len(guests))))
            self.assertEqual({jobs[path]['InstanceUuid'] for path in own}, {guest.uuid})
            self.assertEqual(own, sorted(own, key=lambda path: jobs[path]['Id']))
        self.daemon.fault()
        ended = set()

        def all_ended(said):
            if said.member == 'JobRemoved':
                ended.add(said.body[1])
            return len(ended) == number
        heard = self.heard(listener, all_ended, 60)
        self.assertEqual(ended, set(jobs))
        for member, paths in (('JobNew', [s.body[1] for s in heard if s.member == 'JobNew']),
                              ('JobRemoved', [s.body[1] for s in heard if s.member == 'JobRemoved']),
                              ('InterfacesAdded', [s.body[0] for s in heard if s.member == 'InterfacesAdded']),
                              ('InterfacesRemoved', [s.body[0] for s in heard if s.member == 'InterfacesRemoved'])):
            self.assertEqual(sorted(paths), sorted(jobs), member)       # each once
        eventually(lambda: self.bob.get('NJobs', MANAGER) == 0 and not self.jobs() and not self.of(guests[0], 'Jobs'))
        for guest in guests:
            self.cloud.start(guest)
            self.cloud.wait(guest, 'active')
        eventually(lambda: not self.jobs())
        return most


class Answers(OnBus):
    def test_who_calls_hears_which_job_it_is_before_it_hears_of_its_end(self):
        from jeepney import HeaderFields, MatchRule
        from jeepney.bus_messages import DBus
        guest, alice = self.built(), self.bus('alice')
        alice.connection.send_and_get_reply(DBus().AddMatch(MatchRule(type='signal', interface=MANAGER, path=PATH)), timeout=10)
        waiting = {alice.send(INSTANCE, verb, 'a{sv}', ({},), path=instance_path(guest.uuid)) for verb in ['Lock', 'Unlock'] * 12}
        known, ended, end = set(), 0, time.monotonic() + 20 * SLOW
        while ended < 24:
            m = alice.receive(max(end - time.monotonic(), 0.001))
            if m.header.fields.get(HeaderFields.reply_serial) in waiting:
                known.add(m.body[0])
            elif m.header.fields.get(HeaderFields.member) == 'JobRemoved' and m.body[3]['method'][1] != 'build_and_run_instance':
                if m.body[1] not in known:
                    self.fail('%s had ended before it was told: %r' % (m.body[1], m.body))
                ended += 1
        self.assertEqual(len(known), 24)

    def test_a_caller_that_leaves_in_the_middle_is_not_missed(self):
        """Whatever of its calls was accepted comes to its end, and nobody else's answer is another."""
        guest, alice = self.built(), self.bus('alice')
        for calls in (1, 5, 20):
            leaver = Client('alice')
            for _ in range(calls):
                leaver.send(INSTANCE, 'Lock', 'a{sv}', ({},), path=instance_path(guest.uuid))
            mine = alice.send(INSTANCE, 'Unlock', 'a{sv}', ({},), path=instance_path(guest.uuid))
            leaver.close()
            self.assertRegex(alice.answer(mine, 20 * SLOW)[0], '^%s/job/[0-9]+$' % PATH)
        eventually(lambda: self.bob.get('NJobs', MANAGER) == 0 and not self.jobs(), 20)


class Stalled(OnBus):
    options = {'stall_timeout': '1'}

    def test_a_call_beyond_its_deadline_is_listed_with_its_job(self):
        guest = self.built()
        eventually(lambda: not self.jobs())
        self.daemon.fault('power_off:slow:2')
        self.cloud.stop(guest)
        [[method, about, usec, job]] = eventually(lambda: self.bob.call(MANAGER, 'ListStalled')[0])
        self.assertEqual((method, about), ('stop_instance', guest.uuid))
        self.assertGreaterEqual(usec, 1000000)
        self.assertEqual(list(self.jobs()), [job])
        shown = self.jobs()[job]
        self.assertTrue(shown['Stalled'])
        self.assertEqual(shown['DeadlineUSec'], shown['StartedUSec'] + 1000000)
        eventually(lambda: not self.bob.call(MANAGER, 'ListStalled')[0])


class Drift(OnBus):
    def test_what_does_not_agree_is_listed_told_and_recovered(self):
        guest, alice = self.built(), self.bus('alice')
        eventually(lambda: not self.jobs())
        self.assertEqual((self.bob.call(MANAGER, 'ListDrift')[0], self.bob.get('NDrift', MANAGER)), ([], 0))
        folder = os.path.join(self.daemon.state, 'instances', str(uuid.uuid4()))
        os.makedirs(folder)
        listener = self.listening()
        self.assertError('org.freedesktop.DBus.Error.*(AccessDenied|AuthorizationRequired)', '.', self.bob.call, MANAGER, 'Recover', 'a{sv}', ({},))
        self.assertError('org.freedesktop.DBus.Error.InvalidArgs', "Unknown option 'x'", alice.call, MANAGER, 'Recover', 'a{sv}', ({'x': ('b', True)},))
        [job] = alice.call(MANAGER, 'Recover', 'a{sv}', ({},))
        heard = self.ended(listener, '_recover')
        self.assertEqual((heard[-1].body[1], heard[-1].body[2]), (job, 'done'))
        heard = self.heard(listener, lambda s: s.member == 'PropertiesChanged' and s.path == PATH and 'NDrift' in s.changed) \
            if not [s for s in heard if s.member == 'DriftChanged'] else heard
        self.assertTrue([s for s in heard if s.member == 'DriftChanged'])
        [[kind, name, sentence, since]] = self.bob.call(MANAGER, 'ListDrift')[0]
        self.assertEqual((kind, name), ('directory', os.path.basename(folder)))
        self.assertIn(folder, sentence)
        self.assertGreater(since, 0)
        self.assertEqual(self.bob.get('NDrift', MANAGER), 1)
        self.assertEqual(self.of(guest, 'VmState'), 'active')

        os.rmdir(folder)
        alice.verb('RunPeriodicTask', '_sync_power_states')
        eventually(lambda: self.bob.call(MANAGER, 'ListDrift')[0] == [])


class Offered(OnBus):
    options = {'local_network': 'name=inner, subnet=10.77.0.0/24'}

    def test_flavors_networks_and_images_are_offered(self):
        flavors = {f[0]: f[1:] for f in eventually(lambda: self.bob.get('Flavors', MANAGER))}
        self.assertEqual(flavors['m1.tiny'], (1, 512, 1))
        listener = self.listening()
        folder = os.path.join(self.daemon.state, 'images')
        self.assertEqual(self.bob.get('Images', MANAGER), [])
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, 'tiny.raw'), 'wb') as f:
            f.write(b'\0' * 4096)
        self.bus('alice').verb('Reload')
        self.heard(listener, lambda s: s.member == 'PropertiesChanged' and 'Images' in s.changed)
        [[image, _, _, size]] = self.bob.get('Images', MANAGER)
        self.assertEqual((image, size), ('tiny.raw', 4096))
        os.unlink(os.path.join(folder, 'tiny.raw'))     # by itself, now that there is a directory
        eventually(lambda: self.bob.get('Images', MANAGER) == [])


class HostGoesDown(OnBus):
    """logind announces it (a stand-in; tests/system/test_host.py has the real one)."""
    groups = {'fake': dict(OnBus.groups['fake'])}

    def setUp(self):
        super().setUp()
        self.daemon.stop()
        self.daemon.groups['fake']['guests_file'] = os.path.join(self.daemon.folder, 'guests')        # which outlive the daemon
        self.daemon.start()
        self.logind = self.bus(None)
        self.assertEqual(self.logind.bus('RequestName', 'su', ('org.freedesktop.login1', 4))[0], 1)

    def announce(self, down):
        from jeepney import DBusAddress, new_signal
        at = DBusAddress('/org/freedesktop/login1', interface='org.freedesktop.login1.Manager')
        self.logind.connection.send(new_signal(at, 'PrepareForShutdown', 'b', (down,)))

    def waiting(self):
        return [(j['Method'], j['State']) for j in self.jobs().values()]

    def test_nothing_is_begun_any_more_and_nothing_is_lost(self):
        guest, alice = self.built(), self.bus('alice')
        eventually(lambda: not self.jobs())
        listener = self.listening()
        stop = lambda: alice.call(INSTANCE, 'Stop', 'a{sv}', ({},), path=instance_path(guest.uuid))  # noqa: E731
        os.makedirs(os.path.join(self.daemon.state, 'images'), exist_ok=True)
        with open(os.path.join(self.daemon.state, 'images', 'cirros'), 'wb') as f:
            f.write(b'guest')
        self.announce(True)
        self.daemon.wait_logged('The host goes down')
        self.assertError(ERROR + 'HostGoesDown', 'could not be stopped: the host goes down', stop)
        self.assertError(ERROR + 'HostGoesDown', 'could not be created: the host goes down', alice.call, MANAGER, 'CreateInstance', 'a{sv}',
                         ({'name': ('s', 'late'), 'image': ('s', 'cirros'), 'vcpus': ('u', 1), 'memory_mib': ('t', 64), 'disk_gib': ('t', 1),
                           'networks': ('as', [])},))
        self.cloud.stop(guest)
        self.cloud.start(guest)
        eventually(lambda: self.waiting() == [('stop_instance', 'waiting'), ('start_instance', 'waiting')])
        self.assertEqual(self.bob.get('State'), 'running')              # and what only asks goes on
        alice.verb('ReportState')
        self.assertEqual(self.of(guest, 'VmState'), 'active')
        self.assertFalse([s for s in listener.heard if s.member == 'JobRemoved'])

        # it stays up after all: in their order
        self.announce(False)
        heard = self.ended(listener, 'start_instance')
        self.assertEqual([(s.body[3]['method'][1], s.body[2]) for s in heard if s.member == 'JobRemoved'],
                         [('stop_instance', 'done'), ('start_instance', 'done')])
        self.cloud.wait(guest, 'active')
        alice.call(INSTANCE, 'Lock', 'a{sv}', ({},), path=instance_path(guest.uuid))
        self.ended(listener, 'lock_instance')
        alice.call(INSTANCE, 'Unlock', 'a{sv}', ({},), path=instance_path(guest.uuid))
        self.ended(listener, 'unlock_instance')

        # it goes down: after the boot it is done
        self.announce(True)
        eventually(lambda: self.refused(stop))
        listener.heard.clear()
        self.cloud.stop(guest)
        eventually(lambda: self.waiting() == [('stop_instance', 'waiting')])
        [job] = self.jobs()
        self.daemon.stop()
        left = self.ended(listener, 'stop_instance')[-1]
        self.assertEqual((left.body[1], left.body[2]), (job, 'left'))
        self.logind.close()
        self.daemon.start()
        self.assertEqual(self.cloud.wait(guest, 'stopped')['vm_state'], 'stopped')

    def refused(self, verb):
        try:
            verb()
        except Error as e:
            return e.name == ERROR + 'HostGoesDown'


class Flooded(OnBus):
    """Another client is served while somebody keeps the daemon's queue full, from several connections."""

    def p99(self, *what):
        """In seconds: of reading a property, or of what is said."""
        said = subprocess.run([READ, '200', *what], stdout=subprocess.PIPE, text=True, check=True, user='alice', group='alice', extra_groups=[])
        return float(said.stdout.split()[1]) / 1e3

    @contextlib.contextmanager
    def idle(self):
        """The name of a connection that does nothing but answer: how long that takes is what the bus and the machine take."""
        idle = subprocess.Popen([READ, 'idle'], stdout=subprocess.PIPE, text=True)
        try:
            yield idle.stdout.readline().strip()
        finally:
            idle.kill()
            idle.communicate()

    @contextlib.contextmanager
    def flood(self, kind, path, connections=4):
        flood = subprocess.Popen([FLOOD, kind, str(connections), path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, user='bob', group='bob',
                                 extra_groups=[])
        try:
            flood.stdout.readline()
            yield
        finally:
            flood.kill()
            flood.wait()
            flood.stdout.close()

    def assertServed(self, kind, path, connections=4):
        """Within 10 ms beyond what the bus takes for anybody meanwhile. The best of some tries: what is looked for is a queue, not a busy
        machine."""
        tries = []
        with self.idle() as idle:
            for _ in range(8):
                with self.flood(kind, path, connections):
                    floor, ours = self.p99('ping', idle), self.p99()
                tries.append('%.1f (%.1f)' % (1e3 * ours, 1e3 * floor))
                if ours < 0.010 * SLOW + floor:
                    return
        raise AssertionError('%s from %d connections: reads take so many ms at p99 (and pings of an idle connection): %s' % (
            kind, connections, ', '.join(tries)))

    def test_nobody_is_kept_from_reading(self):
        guests = [self.cloud.build() for _ in range(40)]
        for guest in guests:
            self.cloud.wait(guest, 'active')
        for kind in ('get', 'getall', 'objects', 'verb', 'wrong', 'unknown'):
            with self.subTest(kind=kind):
                self.assertServed(kind, instance_path(guests[0].uuid))
        with self.subTest('many connections'):
            self.assertServed('verb', instance_path(guests[0].uuid), 32)
        self.assertEqual(self.bob.get('NInstances', MANAGER), 40)
        self.assertEqual({g.uuid for g in guests if self.of(g, 'VmState') != 'active'}, set())

    def test_what_fills_the_buses_own_queue_does_no_lasting_harm(self):
        """These wait in the bus's queue before anybody of ours sees them: all one can do is to read on, and that is done."""
        for kind in ('noreply', 'big'):
            with self.subTest(kind=kind):
                with self.flood(kind, PATH):
                    for _ in range(50):
                        self.bob.call(PROPERTIES, 'Get', 'ss', (SERVICE, 'Host'), timeout=60 * SLOW)
                self.bob.call(PROPERTIES, 'Get', 'ss', (SERVICE, 'Host'), timeout=60 * SLOW)


if __name__ == '__main__':
    unittest.main()
