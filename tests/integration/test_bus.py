"""The bus room over a service that does what it is told (bus-fixture.c), on a real bus with the real polkitd: alice may do
all (bus.rules), bob next to nothing."""
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from busclient import MANAGER, NAME, NODE, PATH, POLKIT, PROPERTIES, SERVICE, Client, Error  # noqa: E402
from novatest import BUILD, SLOW, SOURCE, eventually  # noqa: E402

FIXTURE = os.path.join(BUILD, 'tests', 'integration', 'bus-fixture')
LOG_PATH, LOG_INTERFACE = '/org/freedesktop/LogControl1', 'org.freedesktop.LogControl1'
ERROR = NAME + '.Error.'
DENIED = 'org.freedesktop.DBus.Error.AccessDenied'
CHALLENGE = 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired'
INVALID = 'org.freedesktop.DBus.Error.InvalidArgs'


class Fixture:
    """The process; word() says something to it and waits until it was done."""

    def __init__(self, user='nova', environment=None):
        fd, self.log = tempfile.mkstemp(suffix='.log')
        with os.fdopen(fd, 'w') as err:
            self.process = subprocess.Popen([FIXTURE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True,
                                            user=user, group=user, extra_groups=[], env=dict(os.environ, **(environment or {})))
        self.began = self.process.stdout.readline().strip()

    def word(self, text):
        self.process.stdin.write(text + '\n')
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], 10 * SLOW)[0]:
            raise AssertionError('the fixture does not answer to %r: %s' % (text, self.text()))
        return self.process.stdout.readline().strip()

    def text(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def asked(self):
        """How many verbs came through to the service."""
        return int(re.search(r'asked (\d+)', self.word('stats')).group(1))

    def close(self):
        """Its exit status (sanitizers speak up in it)."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10 * SLOW)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError('the fixture did not end: ' + self.text()) from None
        self.process.stdout.close()
        if self.process.returncode not in (0, -signal.SIGKILL):
            raise AssertionError('the fixture ended with %d: %s' % (self.process.returncode, self.text()))


def promises(element):
    """What an interface promises, without the order in which it does."""
    promised = set()
    for method in element.findall('method'):
        args = tuple((a.get('name'), a.get('type'), a.get('direction', 'in')) for a in method.findall('arg'))
        promised.add(('method', method.get('name'), args))
    for p in element.findall('property'):
        emits = [a.get('value') for a in p.findall('annotation')
                 if a.get('name') == 'org.freedesktop.DBus.Property.EmitsChangedSignal']
        promised.add(('property', p.get('name'), p.get('type'), p.get('access'), emits[0] if emits else 'true'))
    for s in element.findall('signal'):
        promised.add(('signal', s.get('name'), tuple(a.get('type') for a in s.findall('arg'))))
    return promised


def introspected(client, element=None):
    """{interface: promises} of the object; of an interface @element its promises."""
    if element is not None:
        return promises(element)
    text = client.call('org.freedesktop.DBus.Introspectable', 'Introspect')[0]
    return {i.get('name'): promises(i) for i in ElementTree.fromstring(text).findall('interface')}


class BusTest(unittest.TestCase):
    created = True

    def setUp(self):
        self.fixture = Fixture()
        self.addCleanup(self.fixture.close)
        self.assertEqual(self.fixture.began, 'bus 1', self.fixture.text())
        self.alice, self.bob = self.client('alice'), self.client('bob')
        if self.created:
            self.word('create')
            self.word('state running')
            self.assertEqual(self.alice.get('State'), 'running')        # and its signal is out before anybody watches

    def client(self, user=None):
        c = Client(user)
        self.addCleanup(c.close)
        return c

    def word(self, text):
        return self.fixture.word(text)

    def assertError(self, name, text, function, *args, **kwargs):
        with self.assertRaises(Error) as raised:
            function(*args, **kwargs)
        self.assertEqual(raised.exception.name, name, raised.exception)
        self.assertRegex(raised.exception.text, text)
        return raised.exception


class Interfaces(BusTest):
    # checklist: 22, 79
    def test_introspection_equals_the_installed_xml_both_ways(self):
        found = introspected(self.bob)
        self.assertIn('org.freedesktop.DBus.ObjectManager', found)
        self.assertEqual({n for n in found if n.startswith(NAME)}, {SERVICE, NODE, MANAGER})
        for name in (SERVICE, NODE, MANAGER):
            file = ElementTree.parse(os.path.join(SOURCE, 'dbus', name + '.xml')).getroot().find('interface')
            self.assertEqual(file.get('name'), name)
            self.assertEqual(found[name], introspected(None, file))

    # checklist: 15, 21, 22, 36, 38, 83
    def test_the_properties_say_what_the_service_is(self):
        self.word('broker connected')
        p = self.bob.all()
        self.assertEqual((p['Binary'], p['Topic'], p['Host']), ('nova-compute', 'compute', 'testhost'))
        self.assertEqual(p['ManagerClass'], 'nova.compute.manager.ComputeManager')
        self.assertEqual((p['State'], p['Trouble'], p['ServiceId']), ('running', '', 3))
        self.assertEqual((p['ReportIntervalUSec'], p['PeriodicIntervalUSec']), (10_000_000, 60_000_000))
        self.assertEqual((p['BrokerState'], p['BrokerAddress'], p['Queues']),
                         ('connected', '127.0.0.1:5672', ['compute', 'compute.testhost']))
        self.assertEqual(p['Timers'], ['report_state', 'periodic_tasks'])
        self.assertEqual(p['Methods'], ['service_version', 'service_config'])
        self.assertEqual(p['PeriodicTasks'], ['_sync_power_states', 'update_available_resource'])
        self.assertEqual((p['Requests'], p['Failures'], p['Stalled']), (5, 2, []))

    # checklist: 26, 83
    def test_list_timers_tells_interval_and_runs(self):
        timers = {name: (interval, {k: v[1] for k, v in more.items()})
                  for name, interval, more in self.bob.call(SERVICE, 'ListTimers')[0]}
        self.assertEqual(set(timers), {'report_state', 'periodic_tasks'})
        self.assertEqual(timers['report_state'][0], 10_000_000)
        self.assertEqual((timers['report_state'][1]['Runs'], timers['report_state'][1]['Errors']), (7, 1))
        self.assertTrue(timers['periodic_tasks'][1]['Running'])

    # checklist: 38
    def test_list_services_tells_each_of_the_launcher(self):
        [[name, more]] = self.bob.call(SERVICE, 'ListServices')[0]
        self.assertEqual((name, more['State'][1], more['Host'][1]), ('compute', 'running', 'testhost'))

    def test_the_node_tells_what_can_run_here_and_leaves_out_what_has_no_shape(self):
        self.word('node 8')
        p = self.bob.all(NODE)
        self.assertEqual((p['VCPUs'], p['Driver'], p['HypervisorConnected']), (8, 'fixture', True))
        self.assertEqual(p['SupportedInstances'], [('x86_64', 'kvm', 'hvm')])
        self.assertEqual(p['Stats'], {'io_workload': '0'})

    def test_metrics_are_made_at_most_once_a_second(self):
        began, texts = time.monotonic(), set()
        for _ in range(100):
            texts.add(self.bob.call(MANAGER, 'GetMetrics')[0])
        self.assertTrue(all(t.endswith('# EOF\n') for t in texts))
        self.assertLessEqual(len(texts), 2 + int(time.monotonic() - began))

    def test_managed_objects_are_the_children_and_there_are_none_yet(self):
        self.assertEqual(self.bob.call('org.freedesktop.DBus.ObjectManager', 'GetManagedObjects')[0], {})

    # checklist: 84
    def test_a_host_name_of_any_bytes_does_not_break_the_bus(self):
        for name, shown in ((b'a.b-c_d', 'a.b-c_d'), ('Knoten-ä'.encode(), 'Knoten-ä'), (b'n\xff\xfe1', 'n\\xff\\xfe1')):
            self.word('host ' + name.hex())
            self.assertEqual(self.bob.get('Host'), shown)
            self.assertEqual(self.bob.all()['Host'], shown)
            self.alice.verb('ReportState')          # the name is a detail for polkit too


class Changes(BusTest):
    def test_a_change_is_told_with_its_value(self):
        self.bob.watch()
        self.word('state degraded broker 127.0.0.1:5672 is away')
        seen = self.bob.wait_change('State', 'degraded')
        self.assertEqual(seen, [(SERVICE, {'State': 'degraded', 'Trouble': 'broker 127.0.0.1:5672 is away'}, [])])

    def test_what_is_as_before_is_not_told(self):
        self.bob.watch()
        self.word('state running')
        self.word('model 1')
        self.word('node-touch')
        self.word('report 4')
        seen = self.bob.wait_change('ReportCount', 4)
        self.assertEqual([set(said) for _, said, _ in seen], [{'ReportCount', 'LastReportUSec'}])

    # checklist: 49
    def test_the_model_lost_and_found_is_told_once_each(self):
        self.bob.watch()
        self.word('model 0')
        self.word('model 0')
        self.word('model 1')
        seen = self.bob.wait_change('ModelConnected', True)
        self.assertEqual([said for _, said, _ in seen], [{'ModelConnected': False}, {'ModelConnected': True}])

    def test_several_changes_of_one_turn_are_one_signal(self):
        self.bob.watch()
        self.alice.verb('Disable', 'disk is failing')
        seen = self.bob.wait_change('Enabled', False)
        self.assertEqual(seen, [(SERVICE, {'Enabled': False, 'DisabledReason': 'disk is failing'}, [])])

    def test_resources_stalled_calls_and_broker_are_told(self):
        self.bob.watch()
        self.word('node 16')
        self.assertEqual(self.bob.wait_change('VCPUs', 16)[0][0], NODE)
        self.word('stalled get_host_uptime (12 s)')
        self.bob.wait_change('Stalled', ['get_host_uptime (12 s)'])
        self.word('broker waiting')
        said = self.bob.wait_change('BrokerState', 'waiting')[-1][1]
        self.assertEqual(said['BrokerError'], 'connection refused')


class Authorization(BusTest):
    # checklist: 79
    def test_alice_is_allowed_by_a_rule_and_bob_refused(self):
        self.alice.verb('ReportState')
        before = self.fixture.asked()
        self.assertError(CHALLENGE, 'Access denied: org.nova.compute1.report-state', self.bob.verb, 'ReportState')
        self.assertEqual(self.fixture.asked(), before)

    def test_a_call_that_lets_polkit_ask_is_denied_where_there_is_nobody_to_ask(self):
        self.assertError(DENIED, 'Access denied: not authorized for org.nova.compute1.manage-service',
                         self.bob.verb, 'Stop', interactive=True)

    def test_every_verb_is_refused_to_bob_and_does_nothing(self):
        self.word('slow')
        before = self.fixture.asked()
        for verb, args in (('Start', ()), ('Stop', ()), ('Kill', ()), ('Reload', ()), ('ReportState', ()), ('UpdateAvailableResource', ()),
                           ('Enable', ()), ('Disable', ('because',)), ('RunPeriodicTask', ('update_available_resource',))):
            with self.subTest(verb=verb):
                self.assertError(CHALLENGE, 'Access denied', self.bob.verb, verb, *args)
        self.assertEqual(self.fixture.asked(), before)
        self.assertIn('reloads 0', self.word('reloads'))

    def test_a_rule_decides_by_the_details(self):
        self.bob.verb('RunPeriodicTask', '_sync_power_states')
        self.assertError(CHALLENGE, 'Access denied', self.bob.verb, 'RunPeriodicTask', 'update_available_resource')

    def test_a_verdict_is_remembered_for_nobody(self):
        for _ in range(3):
            self.assertError(CHALLENGE, 'Access denied', self.bob.verb, 'ReportState')
            self.alice.verb('ReportState')
        self.assertEqual(self.fixture.asked(), 3)

    def test_calls_of_two_users_at_once_get_each_their_own_verdict(self):
        pairs = [(self.alice.send(SERVICE, 'ReportState', 'a{sv}', ({},)), self.bob.send(SERVICE, 'ReportState', 'a{sv}', ({},)))
                 for _ in range(8)]
        for good, bad in pairs:
            self.assertEqual(self.alice.answer(good), ())
            self.assertError(CHALLENGE, 'Access denied', self.bob.answer, bad)
        self.assertEqual(self.fixture.asked(), len(pairs))

    def test_one_caller_with_too_many_questions_is_stopped_and_others_are_not(self):
        go_on = self.polkit_hangs()
        serials = [self.bob.send(SERVICE, 'ReportState', 'a{sv}', ({},)) for _ in range(40)]
        refused = 0
        for serial in serials[32:]:
            self.assertError('org.freedesktop.DBus.Error.LimitsExceeded', 'Too many', self.bob.answer, serial)
            refused += 1
        self.assertEqual(refused, 8)
        mine = self.alice.send(SERVICE, 'ReportState', 'a{sv}', ({},))
        self.assertEqual(self.bob.get('State'), 'running')          # reading goes on while polkit hangs
        go_on()
        self.assertEqual(self.alice.answer(mine), ())

    def test_a_caller_that_leaves_before_the_verdict_starts_nothing(self):
        go_on = self.polkit_hangs()
        gone = Client('alice')
        gone.send(SERVICE, 'ReportState', 'a{sv}', ({},))
        eventually(lambda: 'State' in gone.all(), what='the call in the daemon')     # in order: the verb was there before
        gone.close()
        eventually(lambda: 'its call ReportState is dropped' in self.fixture.text(), what='the dropped call')
        go_on()
        self.alice.verb('ReportState')
        self.assertEqual(self.fixture.asked(), 1)

    def test_a_polkit_that_stands_still_is_waited_for(self):
        go_on = self.polkit_hangs()
        serial = self.alice.send(SERVICE, 'ReportState', 'a{sv}', ({},))
        with self.assertRaises(TimeoutError):           # Debian 12's does it for 15 s
            self.alice.answer(serial, 11)
        self.assertEqual(self.bob.get('State'), 'running')
        go_on()
        self.assertEqual(self.alice.answer(serial), ())
        self.assertRegex(self.fixture.text(), r'polkit took 1\d\.\d s to decide org\.nova\.compute1\.report-state')

    def test_without_polkit_everybody_is_refused(self):
        self.polkit_away()
        self.assertError(DENIED, 'Access denied: .*polkit gives no answer', self.alice.verb, 'ReportState')
        self.assertError(DENIED, 'polkit gives no answer', self.client().verb, 'Stop')
        self.assertEqual(self.fixture.asked(), 0)
        self.assertEqual(self.bob.get('State'), 'running')

    def polkit_pid(self):
        """Of the one that answers now: it may have ended by itself and been started again."""
        eventually(lambda: self.alice.owner(POLKIT), what='polkit')
        return self.alice.bus('GetConnectionUnixProcessID', 's', (POLKIT,))[0]

    def polkit_hangs(self):
        """Until what is returned is called, or the test ends."""
        fd = os.pidfd_open(self.polkit_pid())
        self.addCleanup(os.close, fd)

        def go_on():
            signal.pidfd_send_signal(fd, signal.SIGCONT)
        signal.pidfd_send_signal(fd, signal.SIGSTOP)
        self.addCleanup(go_on)
        return go_on

    def polkit_away(self):
        """Stops the real one and brings another for the tests that follow."""
        os.kill(self.polkit_pid(), signal.SIGKILL)
        eventually(lambda: self.alice.owner(POLKIT) is None, what='polkit gone')

        def back():
            subprocess.Popen(['/usr/lib/polkit-1/polkitd', '--no-debug'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env=dict(os.environ, LD_PRELOAD=os.environ['SANDBOX_POLKIT_PRELOAD']))
            c = Client()
            eventually(lambda: c.owner(POLKIT), what='polkit back')
            c.close()
        self.addCleanup(back)


class Verbs(BusTest):
    def test_stop_and_start_answer_when_it_is_done(self):
        self.word('slow')
        stop = self.alice.send(SERVICE, 'Stop', 'a{sv}', ({},))
        eventually(lambda: self.bob.get('State') == 'stopping')
        with self.assertRaises(TimeoutError):
            self.alice.answer(stop, 0.2)
        self.assertError(ERROR + 'Busy', 'just starting or stopping', self.alice.verb, 'Start')
        self.word('state stopped')
        self.assertEqual(self.alice.answer(stop), ())
        start = self.alice.send(SERVICE, 'Start', 'a{sv}', ({},))
        eventually(lambda: self.bob.get('State') == 'starting')
        self.word('state degraded the broker is away')
        self.assertEqual(self.alice.answer(start), ())

    def test_start_and_stop_of_what_is_already_so_answer_at_once(self):
        self.alice.verb('Start')
        self.alice.verb('Stop')
        self.alice.verb('Stop')
        self.assertEqual(self.bob.get('State'), 'stopped')

    def test_a_start_that_fails_for_good_says_why(self):
        self.word('slow')
        self.word('state stopped')
        start = self.alice.send(SERVICE, 'Start', 'a{sv}', ({},))
        eventually(lambda: self.bob.get('State') == 'starting')
        self.word('state failed init_host: no such driver')
        self.assertError(ERROR + 'StartFailed', 'could not be started: init_host: no such driver', self.alice.answer, start)

    def test_a_start_that_is_stopped_is_no_success(self):
        self.word('slow')
        self.word('state stopped')
        start = self.alice.send(SERVICE, 'Start', 'a{sv}', ({},))
        eventually(lambda: self.bob.get('State') == 'starting')
        self.word('state stopping')
        self.assertError(ERROR + 'NotRunning', 'stopped meanwhile', self.alice.answer, start)

    def test_a_stopped_service_refuses_work_with_a_sentence_and_still_answers(self):
        self.alice.verb('Stop')
        self.assertError(ERROR + 'NotRunning', 'could not be reported: the service is not running', self.alice.verb, 'ReportState')
        self.assertEqual(self.bob.get('State'), 'stopped')

    def test_a_long_verb_answers_when_done_and_holds_up_nobody(self):
        self.word('hold')
        update = self.alice.send(SERVICE, 'UpdateAvailableResource', 'a{sv}', ({},))
        eventually(lambda: self.fixture.asked() == 1)
        for _ in range(200):
            self.assertEqual(self.bob.get('State'), 'running')
        with self.assertRaises(TimeoutError):   # and all the while it waits
            self.alice.answer(update, 0.01)
        self.word('finish')
        self.assertEqual(self.alice.answer(update), ())

    def test_failures_become_named_errors(self):
        self.word('hold')
        for words, name, text in (('DBError disk full', 'ModelDisconnected', 'could not be updated: disk full'),
                                  ('HypervisorUnavailable gone', 'HypervisorUnavailable', 'gone'),
                                  ('NovaException odd', 'Failed', 'odd')):
            asked = self.fixture.asked()
            serial = self.alice.send(SERVICE, 'UpdateAvailableResource', 'a{sv}', ({},))
            eventually(lambda: self.fixture.asked() > asked)
            self.word('fail ' + words)
            self.assertError(ERROR + name, text, self.alice.answer, serial)

    def test_reload_tells_what_is_wrong_with_the_configuration(self):
        self.alice.verb('Reload')
        self.assertError(ERROR + 'ConfigInvalid', 'nova.conf:3: report_interval = x: not a number', self.alice.verb, 'Reload')

    def test_enable_and_disable_with_a_reason(self):
        self.alice.verb('Disable', 'new disk on Tuesday')
        self.assertEqual((self.bob.get('Enabled'), self.bob.get('DisabledReason')), (False, 'new disk on Tuesday'))
        self.alice.verb('Enable')
        self.assertEqual((self.bob.get('Enabled'), self.bob.get('DisabledReason')), (True, ''))

    def test_work_that_outlives_the_bus_is_answered_and_ends_without_effect(self):
        self.word('hold')
        serial = self.alice.send(SERVICE, 'UpdateAvailableResource', 'a{sv}', ({},))
        eventually(lambda: self.fixture.asked() == 1)
        self.fixture.close()                    # bus_free with the call under way, then its end
        self.assertError(ERROR + 'NotRunning', 'stopped meanwhile', self.alice.answer, serial)

    def test_callers_that_have_gone_do_no_harm_to_those_who_stay(self):
        self.word('hold')
        gone = Client('alice')
        gone.send(SERVICE, 'UpdateAvailableResource', 'a{sv}', ({},))
        eventually(lambda: self.fixture.asked() == 1)
        gone.close()
        mine = self.alice.send(SERVICE, 'UpdateAvailableResource', 'a{sv}', ({},))
        eventually(lambda: self.fixture.asked() == 2)
        self.word('finish')
        self.assertEqual(self.alice.answer(mine), ())


class HostileInput(BusTest):
    def test_wrong_signatures_are_invalid_arguments(self):
        for method, signature, body in (('ReportState', '', ()), ('ReportState', 's', ('x',)), ('ReportState', 'a{ss}', ({},)),
                                        ('Disable', 'a{sv}', ({},)), ('Disable', 'ua{sv}', (1, {})),
                                        ('RunPeriodicTask', 's', ('x',))):
            with self.subTest(method=method, signature=signature):
                self.assertError(INVALID, 'Invalid arguments', self.alice.call, SERVICE, method, signature, body)
        self.assertEqual(self.fixture.asked(), 0)

    def test_an_unknown_option_is_refused_by_name(self):
        for option in ('force', 'x' * 100000, ''):
            for method, signature, more in (('Stop', '', ()), ('Reload', '', ()), ('Disable', 's', ('why',)), ('Enable', '', ()),
                                            ('RunPeriodicTask', 's', ('_sync_power_states',))):
                with self.subTest(option=option[:10], method=method):
                    e = self.assertError(INVALID, "Unknown option '%s" % option[:10], self.alice.call, SERVICE, method, signature + 'a{sv}',
                                         more + ({option: ('b', True)},))
                    self.assertLess(len(e.text), 200)
        self.assertEqual(self.fixture.asked(), 0)
        self.assertIn('reloads 0', self.word('reloads'))

    def test_who_may_not_hears_nothing_about_his_arguments(self):
        """Only a wrong signature is told, which the library sees to; and what is too large to be kept while polkit decides."""
        option = {'force': ('b', True)}
        for method, signature, body in (('Start', 'a{sv}', (option,)), ('Stop', 'a{sv}', (option,)), ('Kill', 'a{sv}', (option,)),
                                        ('Reload', 'a{sv}', (option,)), ('ReportState', 'a{sv}', (option,)),
                                        ('UpdateAvailableResource', 'a{sv}', (option,)), ('Enable', 'a{sv}', (option,)),
                                        ('Disable', 'sa{sv}', ('x' * 256, option)), ('RunPeriodicTask', 'sa{sv}', ('rm -rf', option))):
            with self.subTest(method):
                self.assertError(CHALLENGE, 'Access denied', self.bob.call, SERVICE, method, signature, body)
        for method in ('Recover', 'RecoverDryRun'):
            with self.subTest(method):
                self.assertError(CHALLENGE, 'Access denied', self.bob.call, MANAGER, method, 'a{sv}', (option,))
        self.assertError(CHALLENGE, 'Access denied', self.bob.call, MANAGER, 'CreateInstance', 'a{sv}', (option,))
        self.assertEqual(self.fixture.asked(), 0)

    def test_an_unknown_task_is_refused_by_name(self):
        e = self.assertError(ERROR + 'NoSuchTask', "There is no periodic task 'rm -rf'", self.alice.verb, 'RunPeriodicTask', 'rm -rf')
        self.assertNotIn('rm', e.name)
        e = self.assertError(ERROR + 'NoSuchTask', 'ä', self.alice.verb, 'RunPeriodicTask', 'ä' * 500000)
        self.assertLess(len(e.text), 200)
        self.assertEqual(self.fixture.asked(), 0)

    def test_a_reason_is_at_most_255_characters(self):
        self.alice.verb('Disable', 'ä' * 255)
        self.assertError(INVALID, 'The reason has 256 characters, at most 255', self.alice.verb, 'Disable', 'ä' * 256)

    def test_a_string_of_16_mib_is_a_polite_error(self):
        for client in self.alice, self.bob:
            self.assertError('org.freedesktop.DBus.Error.LimitsExceeded', 'The arguments of Disable have more than 1048576 bytes', client.verb,
                             'Disable', 'x' * (16 << 20), timeout=30 * SLOW)
        self.assertError(INVALID, '1000000 characters', self.alice.verb, 'Disable', 'x' * 1000000, timeout=30 * SLOW)

    def test_a_string_beyond_the_limit_of_the_bus_ends_the_sender_not_the_daemon(self):
        hostile = Client('bob')
        with self.assertRaises((OSError, EOFError, TimeoutError)):
            hostile.verb('Disable', 'x' * (140 << 20), timeout=30 * SLOW)
        self.assertEqual(self.alice.get('State'), 'running')

    def test_unknown_methods_interfaces_properties_and_paths_are_named_errors(self):
        standard = 'org.freedesktop.DBus.Error.'
        self.assertError(standard + 'UnknownMethod', '.', self.bob.call, SERVICE, 'Destroy')
        self.assertError(standard + 'UnknownMethod', 'or interface', self.bob.call, NAME + '.Nothing', 'Start')
        self.assertError(standard + 'UnknownProperty', '.', self.bob.get, 'Secret')
        self.assertError(standard + 'UnknownObject', '.', self.bob.call, SERVICE, 'Start', 'a{sv}', ({},), path=PATH + '/nothing')
        self.assertError(standard + 'PropertyReadOnly', '.', self.alice.set, 'Host', 's', 'other')

    def test_a_flood_of_calls_does_not_keep_others_waiting(self):
        flooders = [self.client('bob') for _ in range(20)]      # the bus grants each 128 calls at once
        for c in flooders:
            last = [c.send(PROPERTIES, 'GetAll', 's', (SERVICE,)) for _ in range(100)][-1]
        slowest = 0
        for _ in range(50):
            began = time.monotonic()
            self.alice.get('State')
            slowest = max(slowest, time.monotonic() - began)
        self.assertLess(slowest, 5 * SLOW)      # how quick they are: test_bus_instances.py, Flooded
        flooders[-1].answer(last, 30 * SLOW)

    def test_more_waiting_calls_than_the_daemon_keeps_are_refused(self):
        self.word('hold')
        waiting = []
        for _ in range(10):
            c = self.client('alice')
            waiting.append((c, [c.send(SERVICE, 'ReportState', 'a{sv}', ({},)) for _ in range(30)]))
            c.get('State')
            try:
                eventually(lambda: self.fixture.asked() == min(30 * len(waiting), 256))
            except AssertionError as e:
                self.fail('%s: %d asked of %d sent\n%s' % (e, self.fixture.asked(), 30 * len(waiting), self.fixture.text()[-4000:]))
        for serial in waiting[-1][1]:
            self.assertError('org.freedesktop.DBus.Error.LimitsExceeded', 'Too many calls wait', waiting[-1][0].answer, serial)
        self.word('finish')
        self.assertEqual(waiting[0][0].answer(waiting[0][1][-1]), ())
        self.word('release')
        self.alice.verb('ReportState')


class LogControl(BusTest):
    # checklist: 79
    def test_level_and_target_can_be_read_by_anybody_and_set_by_who_may(self):
        self.assertEqual(self.bob.get('LogLevel', LOG_INTERFACE, LOG_PATH), 'debug')
        self.assertEqual(self.bob.get('LogTarget', LOG_INTERFACE, LOG_PATH), 'console')
        self.assertEqual(self.bob.get('SyslogIdentifier', LOG_INTERFACE, LOG_PATH), 'bus-fixture')
        self.alice.set('LogLevel', 's', 'warning', LOG_INTERFACE, LOG_PATH)
        self.assertEqual(self.bob.get('LogLevel', LOG_INTERFACE, LOG_PATH), 'warning')
        self.alice.set('LogTarget', 's', 'null', LOG_INTERFACE, LOG_PATH)
        self.assertEqual(self.bob.get('LogTarget', LOG_INTERFACE, LOG_PATH), 'null')

    def test_bob_may_not_set_them_by_any_way_of_asking(self):
        self.assertError(CHALLENGE, 'manage-service', self.bob.set, 'LogLevel', 's', 'emerg', LOG_INTERFACE, LOG_PATH)
        with self.assertRaises(Error):          # no interface named
            self.bob.call(None, 'Set', 'ssv', (LOG_INTERFACE, 'LogLevel', ('s', 'emerg')), path=LOG_PATH)
        self.assertEqual(self.bob.get('LogLevel', LOG_INTERFACE, LOG_PATH), 'debug')

    def test_what_is_no_level_and_no_target_is_refused_with_what_is(self):
        self.assertError(INVALID, 'Unknown log level: one of emerg', self.alice.set, 'LogLevel', 's', 'loud', LOG_INTERFACE, LOG_PATH)
        self.assertError(INVALID, 'Unknown log target: one of auto', self.alice.set, 'LogTarget', 's', 'paper', LOG_INTERFACE, LOG_PATH)
        with self.assertRaises(Error):
            self.alice.set('LogLevel', 'u', 7, LOG_INTERFACE, LOG_PATH)
        self.assertEqual(self.bob.get('LogLevel', LOG_INTERFACE, LOG_PATH), 'debug')


class BeforeAndAfter(BusTest):
    created = False

    def test_before_there_is_a_service_everything_answers(self):
        p = self.bob.all()
        self.assertEqual((p['State'], p['Host'], p['Queues'], p['ServiceId'], p['Enabled']), ('starting', '', [], 0, False))
        self.assertEqual(self.bob.all(NODE)['VCPUs'], 0)
        self.assertEqual(self.bob.call(SERVICE, 'ListTimers')[0], [])
        self.assertEqual(self.bob.call(SERVICE, 'ListServices')[0], [])
        for verb, args in (('Start', ()), ('Stop', ()), ('ReportState', ()), ('Enable', ()), ('RunPeriodicTask', ('x',))):
            self.assertError(ERROR + 'NotRunning', 'There is no service yet', self.alice.verb, verb, *args)
        self.alice.verb('Reload')

    def test_the_service_appears_and_goes_with_its_properties(self):
        self.bob.watch()
        self.word('create')
        seen = self.bob.wait_change('Host', 'testhost')
        self.assertEqual(seen[-1][1]['Queues'], ['compute', 'compute.testhost'])
        self.word('state running')
        self.bob.wait_change('State', 'running')
        self.word('drop')
        seen = self.bob.wait_change('State', 'stopped')
        self.assertEqual(seen[-1][1]['Host'], '')
        self.assertEqual(self.bob.all()['Host'], '')

    def test_those_who_wait_are_answered_when_the_service_goes(self):
        self.word('create')
        self.word('state running')
        self.word('slow')
        stop = self.alice.send(SERVICE, 'Stop', 'a{sv}', ({},))
        eventually(lambda: self.bob.get('State') == 'stopping')
        self.word('drop')
        self.assertEqual(self.alice.answer(stop), ())


class NameAndConnection(BusTest):
    def test_a_second_daemon_on_the_bus_is_told_so_and_the_first_goes_on(self):
        second = Fixture()
        self.assertEqual(second.began, 'bus_new: File exists')
        self.assertEqual(second.process.wait(10), 17)
        self.assertEqual(self.bob.get('State'), 'running')
        second.process.stdin.close()
        second.process.stdout.close()

    def test_a_bus_that_takes_the_connection_and_says_nothing_holds_up_the_start_for_5_seconds_at_most(self):
        folder = tempfile.mkdtemp(prefix='nova-mutebus.')
        os.chmod(folder, 0o755)
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(folder + '/bus')
            os.chmod(folder + '/bus', 0o666)
            mute.listen(5)
            began = time.monotonic()
            silent = Fixture(environment={'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=%s/bus' % folder})
            self.addCleanup(silent.close)
            self.assertEqual(silent.began, 'bus 0')
            self.assertLess(time.monotonic() - began, 12 * SLOW)        # and not after the library's 25
            self.assertIn('the system bus cannot be reached', silent.text())
            silent.word('create')               # and the daemon lives on

    def test_only_its_user_and_root_may_own_the_name(self):
        self.fixture.close()
        for user, allowed in (('bob', False), ('alice', False), ('nova', True), (None, True)):
            c = Client(user)
            try:
                if allowed:
                    self.assertEqual(c.bus('RequestName', 'su', (NAME, 4))[0], 1)
                else:
                    self.assertError(DENIED, 'not allowed to own', c.bus, 'RequestName', 'su', (NAME, 4))
            finally:
                c.close()


class OwnBus(unittest.TestCase):
    """A bus that comes and goes: one of this test's own, without polkit."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='nova-ownbus.')
        os.chmod(self.folder, 0o755)
        self.address = 'unix:path=%s/bus' % self.folder
        self.before = os.environ['DBUS_SYSTEM_BUS_ADDRESS']
        os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = self.address
        self.addCleanup(os.environ.__setitem__, 'DBUS_SYSTEM_BUS_ADDRESS', self.before)
        self.bus = None
        self.addCleanup(self.bus_away)

    def bus_here(self, first=None):
        """It gets its place when it answers, and when @first has been done with it, so that nobody else comes before."""
        conf, hidden = os.path.join(self.folder, 'conf'), os.path.join(self.folder, 'hidden')
        with open(conf, 'w', encoding='ascii') as f:
            f.write('<busconfig><type>system</type><listen>%s</listen><auth>EXTERNAL</auth><policy context="default">'
                    '<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>'
                    '<allow send_requested_reply="true" send_type="method_return"/>'
                    '<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>'
                    '<allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>'
                    '</policy></busconfig>' % ('unix:path=' + hidden))
        self.bus = subprocess.Popen(['dbus-daemon', '--config-file=' + conf, '--nofork', '--nopidfile', '--nosyslog'],
                                    stderr=subprocess.DEVNULL)

        def answers():
            os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = 'unix:path=' + hidden
            try:
                Client().close()
                return True
            except OSError:                     # it is bound before it listens
                return False
            finally:
                os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = self.address
        eventually(answers, what='the bus')
        if first:
            os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = 'unix:path=' + hidden
            first()
            os.environ['DBUS_SYSTEM_BUS_ADDRESS'] = self.address
        os.rename(hidden, os.path.join(self.folder, 'bus'))

    def bus_away(self):
        if self.bus:
            self.bus.kill()
            self.bus.wait()
            self.bus = None
            try:
                os.unlink(os.path.join(self.folder, 'bus'))
            except FileNotFoundError:
                pass

    def named(self):
        try:
            c = Client()
        except OSError:
            return False
        try:
            return c.owner() is not None and c.get('State')
        except (Error, OSError):
            return False
        finally:
            c.close()

    def test_no_bus_at_the_start_is_no_failure_and_it_comes_later(self):
        fixture = Fixture()
        self.addCleanup(fixture.close)
        self.assertEqual(fixture.began, 'bus 0')
        self.assertIn('the system bus cannot be reached', fixture.text())
        fixture.word('create')
        self.bus_here()
        self.assertEqual(eventually(self.named, 15), 'stopped')
        self.assertRegex(fixture.text(), 'on the system bus as org.nova.Compute1')

    def test_a_bus_that_restarts_is_found_again_and_the_daemon_goes_on(self):
        self.bus_here()
        fixture = Fixture()
        self.addCleanup(fixture.close)
        self.assertEqual(fixture.began, 'bus 1')
        fixture.word('create')
        fixture.word('state running')
        fixture.word('hold')
        c = Client()
        self.addCleanup(c.close)
        c.send(SERVICE, 'ReportState', 'a{sv}', ({},))      # waits for a polkit that is not there, on a bus that goes
        self.bus_away()
        eventually(lambda: 'the system bus is lost' in fixture.text(), what='the loss in the log')
        fixture.word('state degraded something')            # told to nobody, and not forgotten
        self.bus_here()
        self.assertEqual(eventually(self.named, 15), 'degraded')
        self.assertEqual(fixture.text().count('the system bus is lost'), 1)
        fixture.word('finish')

    def test_a_name_taken_while_the_bus_was_away_is_taken_back_when_it_is_free(self):
        self.bus_here()
        fixture = Fixture()
        self.addCleanup(fixture.close)
        fixture.word('create')
        self.bus_away()
        eventually(lambda: 'the system bus is lost' in fixture.text(), what='the loss in the log')
        thieves = []

        def take():
            thieves.append(Client())
            self.assertEqual(thieves[0].bus('RequestName', 'su', (NAME, 4))[0], 1)
        self.bus_here(take)
        eventually(lambda: 'another process owns' in fixture.text() or 'already' in fixture.text(), 15, 'the taken name in the log')
        thieves[0].close()
        self.assertEqual(eventually(self.named, 15), 'stopped')


if __name__ == '__main__':
    unittest.main()
