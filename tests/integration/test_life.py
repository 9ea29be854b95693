"""The life of the daemon, from its first stage to its exit, on a real broker: what it does in which order, what it leaves,
what it says when it cannot start, and that it can be told to stop at any moment."""
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from busclient import SERVICE, Client, Error  # noqa: E402
from rpcecho import Raw, envelope, opened  # noqa: E402
from novatest import BINARY, BUILD, CONTEXT, SLOW, Daemon, eventually, rpc_client, shared_broker  # noqa: E402

FANOUT = 'compute_fanout_testhost:nova-compute:1'
QUEUES = {'compute', 'compute.testhost', FANOUT}
WRONG_MODULES = os.path.join(BUILD, 'tests', 'unit', 'virt')


class Caller:
    """Requests as an oslo client sends them, without waiting for their answers."""

    def __init__(self, broker, vhost):
        self.raw = Raw(broker, vhost)
        self.queue = 'reply_' + uuid.uuid4().hex
        self.raw.listen(self.queue)

    def send(self, method, args=None, key='compute.testhost', **more):
        msg_id = uuid.uuid4().hex
        self.raw.publish(envelope(method, args, _msg_id=msg_id, _reply_q=self.queue, **more), key=key)
        return msg_id

    def answers(self, ids, seconds=10):
        """The answers to all of @ids, {id: answer}."""
        end = time.monotonic() + seconds * SLOW
        while True:
            found = {m['_msg_id']: m for m in map(opened, self.raw.got[self.queue]) if m.get('ending')}
            if all(i in found for i in ids):
                return found
            if time.monotonic() > end:
                raise AssertionError('%d of %d requests were answered within %g s' % (
                    len(set(ids) & set(found)), len(ids), seconds * SLOW))
            try:
                self.raw.connection.drain_events(timeout=0.1)
            except (TimeoutError, OSError):
                pass

    def call(self, method, args=None, seconds=10, **more):
        i = self.send(method, args, **more)
        return self.answers([i], seconds)[i]

    def close(self):
        self.raw.close()


class LifeTest(unittest.TestCase):
    """A virtual host of its own for each test, and daemons that end with it."""

    def setUp(self):
        self.broker = shared_broker()
        self.vhost = self.broker.vhost('life-' + uuid.uuid4().hex[:8])
        self.addCleanup(self.broker.http, 'DELETE', 'vhosts/' + self.vhost)
        self.url = self.broker.url(self.vhost)

    def daemon(self, url=None, faults=None, **more):
        """One that is not yet started. @faults: what its fault_file says at first."""
        d = Daemon(url or self.url, **more)
        os.chmod(d.folder, 0o755)
        d.fault_file = os.path.join(d.folder, 'faults')
        d.groups.setdefault('fake', {})['fault_file'] = d.fault_file
        self.faults(d, *(faults or ()))
        self.addCleanup(self.closed, d)
        return d

    def closed(self, d):
        text = d.text()
        d.close()
        self.assertNotRegex(text, r'Sanitizer|runtime error:')

    def faults(self, d, *lines):
        with open(d.fault_file + '.new', 'w', encoding='ascii') as f:
            f.write('\n'.join(lines) + '\n')
        os.chmod(d.fault_file + '.new', 0o644)
        os.rename(d.fault_file + '.new', d.fault_file)

    def client(self, user=None):
        c = Client(user)
        self.addCleanup(c.close)
        eventually(c.owner, what='the name on the bus')
        return c

    def caller(self):
        c = Caller(self.broker, self.vhost)
        self.addCleanup(c.close)
        return c

    def queue(self, name):
        """Its messages that wait and its consumers now, asked of the broker itself: the management's figures lag behind."""
        raw = Raw(self.broker, self.vhost)
        try:
            return raw.channel.queue_declare(name, passive=True)
        finally:
            raw.close()

    def consumers(self, name):
        return self.queue(name).consumer_count

    def waiting(self, name='compute.testhost'):
        return self.queue(name).message_count

    def exists(self, queue):
        return queue in self.broker.queues(self.vhost)

    def broker_sockets(self):
        """Ports of those who are connected to the broker, by its side of the sockets: the management would lag behind."""
        with open('/proc/net/tcp', encoding='ascii') as f:
            rows = [line.split() for line in f][1:]
        ends = [(local.split(':')[1], remote.split(':')[1]) for _, local, remote, state, *_ in rows if state in ('01', '08')]
        return {int(remote, 16) for local, remote in ends if int(local, 16) == self.broker.port}

    def broker_log(self):
        with open(self.broker.path('log', 'rabbit.log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def closed_connections(self, pid, since):
        """The lines of the broker's log from @since on and its names of the connections of @pid, once it has noted their end."""
        def noted():
            log = self.broker_log()[since:].splitlines()
            mine = {i for line in log for i in re.findall(r' closing AMQP connection (<\S+>) .* nova-compute:%d:' % pid, line)}
            return len(mine) == 2 and (log, mine)
        return eventually(noted, what='the end of two connections in the log of the broker')

    def connections(self):
        """Those of nova-compute in our virtual host."""
        return [c for c in self.broker.http('GET', 'vhosts/%s/connections' % self.vhost)
                if c.get('client_properties', {}).get('product') == 'nova-compute']


class Start(LifeTest):

    # checklist: 1, 40
    def test_the_six_stages_run_in_order(self):
        d = self.daemon().start()
        stages = re.findall(r'Stage ([\w.]+)', d.text())
        self.assertEqual(stages, ['default_flagfile', 'flags', 'logging', 'monkey_patch', 'Service.create', 'serve', 'wait'])
        # serving does not wait for the start of the service, which follows when main() waits
        self.assertLess(d.text().index('Stage wait'), d.text().index('Starting compute node'))

    # checklist: 12, 41, 42, 43, 56, 71
    def test_the_steps_of_the_start_are_walked_in_order_and_then_it_is_ready(self):
        d = self.daemon().start()
        said = d.drain()
        steps = [n[len('STATUS=Starting on host testhost: '):] for n in said if n.startswith('STATUS=Starting')]
        self.assertEqual(steps, ['version', 'file_locks', 'init_host', 'service_row', 'update_available_resource', 'connection',
                                 'consumers', 'report_timer', 'periodic_timer'])
        self.assertEqual(said.count('READY=1'), 1)
        self.assertGreater(said.index('READY=1'), max(i for i, n in enumerate(said) if n.startswith('STATUS=Starting')))
        self.assertIn('STATUS=Running on host testhost: consuming and reporting', said)
        self.assertRegex(d.text(), r'(?m)^\S+ \S+ AUDIT nova\.service .*Starting compute node \(version \d+\.\d+\.\d+-\S+\)$')
        order = [d.text().index(text) for text in ('Starting compute node', 'Connected to the hypervisor', 'Compute node record created',
                                                   'Creating Consumer connection for Service compute', 'compute service on testhost is running')]
        self.assertEqual(order, sorted(order))

    # checklist: 41, 46, 53, 54, 61, 71
    def test_each_step_waits_for_the_one_before(self):
        d = self.daemon(faults=['init_host:hang'], options={'start_step_timeout': '60'}).launch()
        bob = self.client('bob')
        eventually(lambda: bob.get('Step') == 'init_host', what='init_host')
        eventually(lambda: self.exists(FANOUT), what='the queues, before anybody may cast to them')
        early = self.caller()
        waiting = early.send('get_host_uptime')
        self.assertEqual([self.consumers(q) for q in QUEUES], [0, 0, 0])
        self.assertIsNone(d.service_row() if os.path.exists(d.database()) and self.has_tables(d) else None)

        self.faults(d, 'get_available_resource:hang')
        eventually(lambda: bob.get('Step') == 'update_available_resource', what='the resources')
        self.assertEqual(d.service_row()['report_count'], 0)
        self.assertEqual(d.sql('SELECT * FROM compute_nodes'), [])
        self.assertEqual([self.consumers(q) for q in QUEUES], [0, 0, 0])
        self.assertNotIn('READY=1', d.drain())

        self.faults(d)
        d.wait_notified('READY=1')
        self.assertEqual([self.consumers(q) for q in QUEUES], [1, 1, 1])
        self.assertEqual(len(d.sql('SELECT * FROM compute_nodes')), 1)
        self.assertIn('load average', early.answers([waiting])[waiting]['result'])
        self.assertEqual(d.text().count('Connected to the hypervisor.'), 1)

    @staticmethod
    def has_tables(d):
        return bool(d.sql("SELECT name FROM sqlite_master WHERE name = 'services'"))

    # checklist: 17, 52, 53, 54
    def test_the_rows_say_what_the_host_is(self):
        d = self.daemon(groups={'fake': {'vcpus': 6, 'memory_mb': 8000, 'local_gb': 70}}, options={'node_availability_zone': 'west'}).start()
        row = d.service_row()
        self.assertEqual((row['host'], row['binary'], row['topic'], row['availability_zone'], row['disabled'], row['version']),
                         ('testhost', 'nova-compute', 'compute', 'west', 0, 64))
        self.assertTrue(row['created_at'])
        [node] = d.sql('SELECT * FROM compute_nodes')
        self.assertEqual((node['service_id'], node['host'], node['hypervisor_hostname'], node['hypervisor_type'], node['vcpus'],
                          node['memory_mb'], node['local_gb'], node['vcpus_used'], node['running_vms'], node['host_ip']),
                         (row['id'], 'testhost', 'testhost', 'fake', 6, 8000, 70, 0, 0, '127.0.0.1'))
        self.assertEqual(self.client('bob').get('ServiceId'), row['id'])
        # found again, not made again; enable_new_services is for new ones
        self.assertEqual(d.stop(), 0)
        d.configure(enable_new_services='false')
        d.start()
        self.assertEqual([r['id'] for r in d.sql('SELECT id FROM services')], [row['id']])
        self.assertEqual([n['uuid'] for n in d.sql('SELECT uuid FROM compute_nodes')], [node['uuid']])
        self.assertEqual(d.service_row()['disabled'], 0)

    # checklist: 51, 53
    def test_a_new_row_may_start_disabled_and_a_deleted_twin_is_not_found(self):
        d = self.daemon(options={'enable_new_services': 'false'}).start()
        first = d.service_row()
        self.assertEqual(first['disabled'], 1)
        self.assertEqual(d.stop(), 0)
        d.change('UPDATE services SET deleted = 1')
        d.start()
        self.assertNotEqual(d.service_row()['id'], first['id'])

    # checklist: 28, 54
    @unittest.skipUnless(os.path.exists(os.path.join(BUILD, 'src', 'virt', 'libvirt.so')), 'built without libvirt')
    def test_the_resources_of_libvirts_test_driver_are_in_the_row(self):
        d = self.daemon(driver='libvirt.LibvirtDriver', groups={'libvirt': {'connection_uri': 'test:///default', 'virt_type': 'test'}})
        d.start()
        [node] = d.sql('SELECT * FROM compute_nodes')
        self.assertEqual((node['hypervisor_type'], node['vcpus'], node['memory_mb']), ('TEST', 3, 3072))          # three of its CPUs are online
        self.assertIn('i686', node['cpu_info'])
        self.assertEqual(self.client('bob').get('ConnectionUri', 'org.nova.Compute1.Node'), 'test:///default')
        self.assertEqual(d.stop(), 0)

    # checklist: 47
    def test_without_compute_driver_connection_type_chooses(self):
        d = self.daemon(driver=None, options={'connection_type': 'fake'}).start()
        self.assertEqual(d.sql('SELECT hypervisor_type FROM compute_nodes'), [{'hypervisor_type': 'fake'}])

    # checklist: 55, 57, 58, 59, 60, 71
    def test_three_queues_on_one_connection_and_one_channel_are_consumed_when_it_is_ready(self):
        d = self.daemon().start()
        self.assertEqual({q: self.consumers(q) for q in QUEUES}, {q: 1 for q in QUEUES})
        self.assertEqual(set(self.broker.queues(self.vhost)), QUEUES)
        bindings = self.broker.bindings(self.vhost)
        self.assertLessEqual({('nova', 'compute', 'compute'), ('nova', 'compute.testhost', 'compute.testhost'),
                              ('compute_fanout', FANOUT, 'compute')}, bindings)
        kinds = {e['name']: e['type'] for e in self.broker.http('GET', 'exchanges/' + self.vhost)}
        self.assertEqual((kinds['nova'], kinds['compute_fanout']), ('topic', 'fanout'))

        consumers = eventually(lambda: [c for c in [self.broker.http('GET', 'consumers/' + self.vhost)]
                                        if len(c) == 3 and all(x['channel_details'] for x in c)], what='three consumers in the figures')[0]
        self.assertEqual({c['queue']['name'] for c in consumers}, QUEUES)
        self.assertEqual(len({(c['channel_details']['connection_name'], c['channel_details']['number']) for c in consumers}), 1)
        ours = eventually(lambda: [c for c in [self.connections()] if len(c) == 2], what='the connections')[0]
        names = [c['client_properties']['connection_name'].split(':') for c in ours]
        self.assertEqual({(n[0], n[1], n[-2]) for n in names}, {('nova-compute', str(d.process.pid), 'testhost')})
        self.assertEqual({n[-1] for n in names}, {'consumer', 'publisher'})

        # and each of them brings a request
        bob, raw = self.client('bob'), self.caller().raw
        for n, (exchange, key) in enumerate((('nova', 'compute'), ('nova', 'compute.testhost'), ('compute_fanout', ''))):
            before = bob.get('Requests')
            raw.publish(envelope('get_host_uptime'), key=key, exchange=exchange)
            eventually(lambda: bob.get('Requests') == before + 1, what='the cast by %s %s' % (exchange, key))

    # checklist: 61
    def test_requests_of_before_the_start_are_answered_and_a_slow_one_holds_up_none(self):
        d = self.daemon().start()
        self.assertEqual(d.stop(), 0)
        caller = self.caller()
        early = [caller.send('get_host_uptime') for _ in range(20)]
        self.faults(d, 'get_host_uptime:slow:0.4')
        began = time.monotonic()
        d.start()
        quick = caller.send('service_version')
        caller.answers(early + [quick])
        took = time.monotonic() - began
        order = [m['_msg_id'] for m in map(opened, caller.raw.got[caller.queue])]
        self.assertLess(took, 3 * SLOW)         # one after the other it would be eight seconds
        self.assertLess(order.index(quick), max(order.index(i) for i in early))

    # checklist: 75
    def test_the_real_client_is_served_by_topic_by_host_and_by_fan_out(self):
        d = self.daemon().start()
        transport, client = rpc_client(self.url)
        self.addCleanup(transport.cleanup)
        self.assertIn('load average', client.call(CONTEXT, 'get_host_uptime'))
        self.assertEqual(client.prepare(server=None).call(CONTEXT, 'service_version'), client.call(CONTEXT, 'service_version'))
        bob = self.client('bob')
        before = bob.get('Requests')
        client.prepare(server=None, fanout=True).cast(CONTEXT, 'refresh_provider_fw_rules')
        eventually(lambda: bob.get('Requests') == before + 1, what='the fan-out cast')
        self.assertEqual(d.stop(), 0)


    # checklist: 84
    def test_a_host_may_have_dots_and_dashes_in_its_name(self):
        d = self.daemon(host='node-1.rack_2.example.org').start()
        self.assertLessEqual({'compute.node-1.rack_2.example.org', 'compute_fanout_node-1.rack_2.example.org:nova-compute:1'},
                             set(self.broker.queues(self.vhost)))
        self.assertIn('load average', self.caller().call('get_host_uptime', key='compute.node-1.rack_2.example.org')['result'])
        self.assertEqual(d.stop(), 0)

    # checklist: 79
    def test_the_watchdog_is_fed_while_the_start_hangs(self):
        d = self.daemon(faults=['*:hang'], options={'start_step_timeout': '60', 'stop_timeout': '1'})
        d.launch(environment={'WATCHDOG_USEC': '400000'})
        eventually(lambda: d.drain().count('WATCHDOG=1') >= 4, what='the watchdog fed')
        self.assertNotIn('READY=1', d.drain())
        self.assertIn('STATUS=Starting on host testhost: init_host', d.drain())
        self.assertIn('EXTEND_TIMEOUT_USEC=85000000', d.drain())
        self.assertEqual(d.stop(), 0)

    def test_a_start_without_standard_descriptors_gives_their_numbers_to_nothing(self):
        d = self.daemon(wrapper=['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh']).start()
        self.assertEqual([os.readlink('/proc/%d/fd/%d' % (d.process.pid, fd)) for fd in range(3)], ['/dev/null'] * 3)
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        self.assertEqual(d.stop(), 0)

    def test_too_few_descriptors_are_told_and_it_is_ready_once_there_are_more(self):
        for n in range(26, 16, -1):                             # where the last ones go depends on which thread comes first
            d = self.daemon(wrapper=['prlimit', '--nofile=%d:4096' % n]).launch()
            bob = self.client('bob')
            eventually(lambda: bob.get('State') in ('running', 'degraded'), 20, 'the end of the start')
            if 'READY=1' not in d.drain(0.1):
                break                                           # there was no descriptor for it
            self.assertEqual(d.stop(), 0)
            bob.close()
        self.assertIn('Too many open files', bob.get('Trouble'))
        subprocess.run(['prlimit', '--pid=%d' % d.process.pid, '--nofile=4096:4096'], check=True)
        d.wait_notified('READY=1', 30)
        eventually(lambda: bob.get('State') == 'running', 30, 'running')
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        self.assertEqual(d.stop(), 0)


class Reports(LifeTest):

    # checklist: 65, 67, 75
    def test_it_reports_at_once_and_then_each_interval(self):
        d = self.daemon(options={'report_interval': '1'}).start()
        bob = self.client('bob').watch()
        eventually(lambda: d.service_row()['report_count'] == 1, 2, 'the first report')
        first = d.service_row()
        self.assertTrue(first['updated_at'])
        bob.wait_change('ReportCount', 2)
        began = time.monotonic()
        bob.wait_change('ReportCount', 4)
        self.assertGreater(time.monotonic() - began, 0.9)       # two intervals, of which the first may be nearly over
        last = d.service_row()
        self.assertGreaterEqual(last['report_count'], 4)
        self.assertGreater(last['updated_at'], first['updated_at'])

    # checklist: 53, 67
    def test_a_row_that_disappears_is_made_again_with_its_disabled_flag(self):
        d = self.daemon(options={'report_interval': '1'}).start()
        alice = self.client('alice').watch()
        alice.verb('Disable', 'until Monday')
        before = d.service_row()
        d.change('DELETE FROM compute_nodes', 'DELETE FROM services')
        d.wait_logged('The service database object disappeared, Recreating it.')
        after = eventually(d.service_row, what='a new row')
        self.assertNotEqual(after['id'], before['id'])
        self.assertEqual((after['disabled'], after['disabled_reason']), (1, 'until Monday'))
        alice.wait_change('ServiceId', after['id'])
        self.assertEqual(alice.get('Enabled'), False)
        # an administrator's change in the table is taken in and not undone
        d.change('UPDATE services SET disabled = 0, disabled_reason = NULL')
        alice.wait_change('Enabled', True)
        self.assertEqual(d.service_row()['disabled'], 0)

    # checklist: 67
    def test_a_reload_changes_zone_and_interval(self):
        d = self.daemon(options={'report_interval': '30'}).start()
        self.assertEqual(d.service_row()['availability_zone'], 'nova')
        bob = self.client('bob')
        eventually(lambda: d.service_row()['report_count'] == 1, what='the first report')
        d.configure(node_availability_zone='east', report_interval='1', host='otherhost')
        d.signal(signal.SIGHUP)
        d.wait_notified('RELOADING=1')
        eventually(lambda: d.drain().count('READY=1') == 2, what='READY after RELOADING')
        eventually(lambda: d.service_row()['availability_zone'] == 'east', what='the zone')
        eventually(lambda: d.service_row()['report_count'] >= 3, what='reports each second')
        self.assertRegex(d.text(), 'configuration reloaded; these options wait for a restart: .*host')
        self.assertEqual((bob.get('Host'), bob.get('ReportIntervalUSec')), ('testhost', 1000000))
        # one that is wrong changes nothing
        d.configure(report_interval='seldom')
        d.signal(signal.SIGHUP)
        d.wait_logged(r"not reloaded, .*nova\.conf:\d+: \[DEFAULT\] report_interval = 'seldom'")
        self.assertEqual(bob.get('ReportIntervalUSec'), 1000000)

    # checklist: 66, 70, 83
    def test_without_intervals_it_serves_all_the_same(self):
        d = self.daemon(options={'report_interval': '0', 'periodic_interval': '0'}).start()
        bob = self.client('bob')
        self.assertEqual((bob.get('Timers'), bob.get('ReportIntervalUSec'), bob.get('PeriodicIntervalUSec')), ([], 0, 0))
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        self.assertEqual(d.service_row()['report_count'], 0)
        self.assertIsNone(d.process.poll())
        self.assertEqual(d.stop(), 0)

    # checklist: 68, 69, 73
    def test_a_periodic_task_that_fails_ends_nothing(self):
        d = self.daemon(options={'periodic_interval': '1', 'update_resources_interval': '1', 'report_interval': '1'}).start()
        bob = self.client('bob').watch()
        self.faults(d, '*:fail')
        d.wait_logged('ERROR .*Error during nova.compute.manager.ComputeManager.update_available_resource: get_available_nodes fails')
        runs = dict((t[0], t[2]['Runs'][1]) for t in bob.call(SERVICE, 'ListTimers')[0])
        eventually(lambda: dict((t[0], t[2]['Runs'][1]) for t in bob.call(SERVICE, 'ListTimers')[0])['periodic_tasks'] >= runs['periodic_tasks'] + 2,
                   what='two more ticks')
        before = d.service_row()['report_count']
        eventually(lambda: d.service_row()['report_count'] > before, what='another report')
        self.faults(d)
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        self.assertEqual(d.stop(), 0)


class Stop(LifeTest):

    # checklist: 59, 72, 74
    def test_a_stop_leaves_the_row_and_nothing_else(self):
        others, since = self.broker_sockets(), len(self.broker_log())
        d = self.daemon().start()
        ours = eventually(lambda: [s for s in [self.broker_sockets() - others] if len(s) == 2], what='two connections')[0]
        eventually(lambda: d.service_row()['report_count'] == 1, what='the first report')
        began = time.monotonic()
        self.assertEqual(d.stop(), 0)
        self.assertLess(time.monotonic() - began, 1 * SLOW)
        self.assertIn('STOPPING=1', d.drain())
        self.assertFalse(self.exists(FANOUT))
        self.assertTrue(self.exists('compute.testhost'))
        self.assertEqual(self.consumers('compute.testhost'), 0)
        eventually(lambda: not ours & self.broker_sockets(), what='no connection')
        # of our connections only: what the broker says of those of a test before may come late
        log, mine = self.closed_connections(d.process.pid, since)
        self.assertFalse([line for line in log if 'unexpectedly closed' in line and any(i in line for i in mine)])
        self.assertEqual([n for n in os.listdir(d.state) if n.endswith(('-wal', '-shm', '-journal'))], [])
        self.assertEqual(d.service_row()['report_count'], 1)
        self.assertRegex(d.text(), r'Full set of FLAGS:[\s\S]*\bhost : testhost')

    def stopped(self, d, number=signal.SIGTERM, seconds=4):
        """Sends the signal; ends with 0 and in time."""
        began = time.monotonic()
        d.signal(number)
        self.assertEqual(d.wait(seconds), 0, d.text()[-3000:])
        return time.monotonic() - began

    # checklist: 39, 74
    def test_a_signal_ends_it_at_every_step_of_the_start(self):
        steps = (('init_host', ['init_host:hang']), ('init_host', ['get_available_nodes:hang']),
                 ('update_available_resource', ['get_available_resource:hang']), ('init_host', ['init_host:fail:HypervisorUnavailable']),
                 ('periodic_timer', ['*:hang']))
        for (step, faults), number in zip(steps, (signal.SIGTERM, signal.SIGINT) * 3):
            with self.subTest(step=step, faults=faults, signal=number.name):
                timeout = '1' if step == 'periodic_timer' else '30'
                d = self.daemon(faults=faults, options={'stop_timeout': '2', 'start_step_timeout': timeout}).launch()
                bob = self.client('bob')
                if step == 'periodic_timer':
                    d.wait_notified('READY=1')
                    self.assertRegex(bob.get('Trouble'), 'init_host: not done within 1 s')
                elif 'fail' in faults[0]:
                    eventually(lambda: 'init_host fails' in bob.get('Trouble'), what='the failed step')
                else:
                    eventually(lambda: bob.get('Step') == step, what=step)
                self.stopped(d, number)
                bob.close()
                # nothing of it is in the way of the next one
                self.faults(d)
                d.start()
                self.assertEqual(d.stop(), 0)

    # checklist: 45, 74
    def test_a_signal_ends_it_while_an_instance_is_recovered(self):
        d = self.daemon(options={'stop_timeout': '2', 'start_step_timeout': '30'}).start()
        self.assertEqual(d.stop(), 0)
        d.change("INSERT INTO instances (id, uuid, name, host, node, vm_state, task_state, power_state, memory_mb, vcpus, created_at) VALUES "
                 "(1, '6f9e0f3a-5b0f-4f0e-9d3b-0d1d5c3a2b10', 'instance-00000001', 'testhost', 'testhost', 'active', NULL, 1, 512, 1, "
                 "'2026-01-01 00:00:00.000000')")
        self.faults(d, 'get_info:hang', 'plug_vifs:hang')
        d.start()                                               # one instance holds up nobody
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        bob = self.client('bob')
        self.stopped(d, signal.SIGINT)
        bob.close()
        self.faults(d)
        d.start()
        [row] = d.sql('SELECT * FROM instances WHERE deleted = 0')
        self.assertEqual((row['vm_state'], row['host']), ('active', 'testhost'))
        self.assertEqual(d.stop(), 0)

    # checklist: 74
    def test_a_signal_ends_it_while_a_database_is_locked(self):
        d = self.daemon(options={'stop_timeout': '2'}).start()
        self.assertEqual(d.stop(), 0)
        lock = sqlite3.connect(d.database(), isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute('PRAGMA locking_mode=EXCLUSIVE')
        lock.execute('BEGIN EXCLUSIVE')
        d.launch()
        bob = self.client('bob')
        eventually(lambda: bob.get('Step') in ('init_host', 'service_row'), what='the step that needs it')
        took = self.stopped(d)
        self.assertLess(took, 4 * SLOW)
        lock.execute('ROLLBACK')
        lock.close()
        d.start()
        self.assertEqual(d.stop(), 0)

    # checklist: 74
    def test_a_signal_ends_it_while_a_broker_is_absent_or_silent(self):
        silent = socket.create_server(('127.0.0.1', 0))         # takes connections and says nothing
        self.addCleanup(silent.close)
        with socket.create_server(('127.0.0.1', 0)) as s:
            absent = s.getsockname()[1]
        full = socket.create_server(('127.0.0.1', 0), backlog=0)        # does not even take connections
        self.addCleanup(full.close)
        for _ in range(3):
            c = socket.socket()
            self.addCleanup(c.close)
            c.setblocking(False)
            c.connect_ex(full.getsockname())
        # the library's connect cannot be broken off: its own limit is 5 s
        for port, trouble, limit in ((absent, 'Connection refused', 1), (silent.getsockname()[1], None, 1), (full.getsockname()[1], None, 8)):
            with self.subTest(port=port, trouble=trouble):
                d = self.daemon('rabbit://u:p4ssw0rd@127.0.0.1:%d/' % port, options={'start_step_timeout': '30'}).launch()
                bob = self.client('bob')
                if trouble:
                    d.wait_notified('READY=1')
                    self.assertIn(trouble, d.status())
                else:
                    eventually(lambda: bob.get('Step') == 'connection', what='the connection')
                    self.assertNotIn('READY=1', d.drain())
                self.assertLess(self.stopped(d, seconds=10), limit * SLOW)

    # checklist: 74
    def test_a_signal_at_any_moment_ends_it_and_leaves_nothing(self):
        others, d = self.broker_sockets(), self.daemon()
        for ms in (0, 1, 2, 3, 5, 8, 13, 20, 40, 80, 160):
            with self.subTest(ms=ms):
                since = len(d.text())
                d.launch()
                moment = time.monotonic() + ms / 1000
                eventually(lambda: os.readlink('/proc/%d/exe' % d.process.pid) == BINARY, what='its exec')
                while time.monotonic() < moment:
                    time.sleep(moment - time.monotonic() if moment > time.monotonic() else 0)
                d.signal(signal.SIGTERM)
                status = d.wait(4)
                text = d.text()[since:]
                if status == -signal.SIGTERM:           # before main() has prepared for signals, nothing is there to end
                    self.assertNotIn('Stage Service.create', text)
                else:
                    self.assertEqual(status, 0, text)
                    self.assertIn('SIGTERM: stopping', text)
                eventually(lambda: not self.exists(FANOUT), what='no fan-out queue')
        eventually(lambda: not self.broker_sockets() - others, what='no connection')
        d.start()
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        self.assertEqual(d.stop(), 0)
        self.assertEqual(len(d.sql('SELECT * FROM services')), 1)

    # checklist: 79
    def test_a_reload_during_the_start_is_one(self):
        d = self.daemon(faults=['init_host:hang'], options={'start_step_timeout': '30', 'report_interval': '7'}).launch()
        bob = self.client('bob')
        eventually(lambda: bob.get('Step') == 'init_host', what='init_host')
        d.configure(report_interval='9')
        d.signal(signal.SIGHUP)
        d.wait_logged('configuration reloaded')
        self.faults(d)
        eventually(lambda: bob.get('State') == 'running', what='the end of the start')
        self.assertEqual(bob.get('ReportIntervalUSec'), 9000000)
        self.assertEqual(d.stop(), 0)

    # checklist: 74
    def test_what_runs_is_answered_before_the_end(self):
        d = self.daemon(faults=['get_host_uptime:slow:1']).start()
        caller = self.caller()
        ids = [caller.send('get_host_uptime') for _ in range(3)]
        eventually(lambda: d.text().count('get_host_uptime begins') == 3, what='the calls')
        self.stopped(d)
        self.assertEqual([a.get('failure') for a in caller.answers(ids, 3).values()], [None] * 3)
        self.assertEqual(self.waiting(), 0)

    # checklist: 74
    def test_what_has_not_begun_is_handed_back_for_the_next_start(self):
        d = self.daemon(faults=['get_host_uptime:slow:0.5'], options={'rpc_thread_pool_size': '2', 'stop_timeout': '5'},
                        groups={'oslo_messaging_rabbit': {'rabbit_qos_prefetch_count': '50'}}).start()
        caller, bob = self.caller(), self.client('bob')
        before = bob.get('Requests')
        ids = [caller.send('get_host_uptime') for _ in range(12)]
        eventually(lambda: bob.get('Requests') == before + 12, what='all of them with the daemon')
        d.wait_logged('get_host_uptime begins')
        self.stopped(d)
        left = self.waiting()
        self.assertTrue(6 <= left <= 11, left)
        self.faults(d)
        d.start()
        answers = caller.answers(ids)
        self.assertEqual([answers[i].get('failure') for i in ids], [None] * 12)
        # each once: what was answered was not handed back
        self.assertEqual(len([m for m in map(opened, caller.raw.got[caller.queue]) if m.get('ending')]), 12)

    # checklist: 74
    def test_what_does_not_end_is_handed_back_when_the_limit_is_over(self):
        d = self.daemon(faults=['get_host_uptime:hang'], options={'stop_timeout': '1'}).start()
        caller, bob = self.caller(), self.client('bob')
        i = caller.send('get_host_uptime')
        eventually(lambda: d.text().count('get_host_uptime begins') == 1, what='the call')
        took = self.stopped(d, seconds=8)
        self.assertGreater(took, 0.9)
        self.assertRegex(d.text(), '1 requests? ha(s|ve) not ended in time')
        self.faults(d)
        d.start()
        self.assertIn('load average', caller.answers([i])[i]['result'])

    # checklist: 74
    def test_a_second_signal_ends_it_at_once(self):
        d = self.daemon(faults=['get_host_uptime:hang'], options={'stop_timeout': '60'}).start()
        caller, bob = self.caller(), self.client('bob')
        i = caller.send('get_host_uptime')
        eventually(lambda: d.text().count('get_host_uptime begins') == 1, what='the call')
        d.signal(signal.SIGTERM)
        d.wait_logged('SIGTERM: stopping')
        self.assertEqual(bob.get('State'), 'stopping')
        began = time.monotonic()
        d.signal(signal.SIGTERM)
        self.assertEqual(d.wait(), 1)
        self.assertLess(time.monotonic() - began, 2 * SLOW)
        self.assertIn('SIGTERM again while stopping: ending at once', d.text())
        self.faults(d)
        d.start()
        self.assertIn('load average', caller.answers([i])[i]['result'])

    # checklist: 64
    def test_what_a_killed_daemon_had_begun_is_done_by_the_next(self):
        d = self.daemon(faults=['get_host_uptime:hang']).start()
        caller, bob = self.caller(), self.client('bob')
        ids = [caller.send('get_host_uptime') for _ in range(5)]
        eventually(lambda: d.text().count('get_host_uptime begins') == 5, what='the calls')
        d.kill()
        self.faults(d)
        d.start()
        answers = caller.answers(ids)
        self.assertTrue(all('load average' in answers[i]['result'] for i in ids))
        self.assertEqual(self.consumers(FANOUT), 1)
        self.assertEqual(d.stop(), 0)

    # checklist: 25, 74, 83
    def test_many_stops_starts_and_reloads_leave_nothing_behind(self):
        d = self.daemon().start()
        alice, caller = self.client('alice'), self.caller()
        of = lambda what: len(os.listdir('/proc/%d/%s' % (d.process.pid, what)))

        def around():
            alice.verb('Stop', timeout=20)
            alice.verb('Start', timeout=20)
            d.signal(signal.SIGHUP)
            self.assertIn('load average', caller.call('get_host_uptime')['result'])
        for _ in range(3):
            around()
        descriptors = of('fd')
        for _ in range(10):
            around()
        eventually(lambda: d.text().count('configuration reloaded') == 13, what='the reloads')
        eventually(lambda: of('fd') <= descriptors, what='no more descriptors than before')
        self.assertLess(of('task'), 40)
        self.assertEqual(set(self.broker.queues(self.vhost)) - {caller.queue}, QUEUES)
        self.assertEqual(len(d.sql('SELECT * FROM services')), 1)
        self.assertEqual(d.stop(), 0)

    # checklist: 25, 74
    def test_stop_and_start_by_the_bus(self):
        d = self.daemon(faults=['get_host_uptime:slow:0.5']).start()
        alice, bob, caller = self.client('alice'), self.client('bob'), self.caller()
        with self.assertRaises(Error):
            bob.verb('Stop')
        self.assertEqual(bob.get('State'), 'running')
        running = caller.send('get_host_uptime')
        eventually(lambda: d.text().count('get_host_uptime begins') == 1, what='the call')
        alice.verb('Stop', timeout=20)
        self.assertEqual(bob.get('State'), 'stopped')
        self.assertIn('load average', caller.answers([running])[running]['result'])
        self.assertFalse(self.exists(FANOUT))
        self.assertEqual(self.consumers('compute.testhost'), 0)
        waiting = caller.send('get_host_uptime')
        with self.assertRaises(Error):
            bob.verb('Start')
        alice.verb('Start', timeout=20)
        self.assertEqual(bob.get('State'), 'running')
        self.assertEqual({q: self.consumers(q) for q in QUEUES}, {q: 1 for q in QUEUES})
        self.assertIn('load average', caller.answers([waiting])[waiting]['result'])
        self.assertEqual(d.stop(), 0)


class Refusal(LifeTest):
    """What keeps it from starting is said in a sentence that names it, and the exit status tells systemd whether trying
    again may help: 78 (EX_CONFIG) that it will not."""

    def ends(self, status, pattern, *arguments, secret='Url-s3cret', **more):
        d = self.daemon(**more)
        d.launch(*arguments)
        self.assertEqual(d.wait(8), status, d.text())
        text = d.text()
        lines = [t for t in text.splitlines() if re.search(pattern, t)]
        self.assertTrue(lines, 'no line like %r in:\n%s' % (pattern, text))
        self.assertNotIn('READY=1', d.drain())
        self.assertNotIn(secret, text)
        return d

    # checklist: 18, 20, 23
    def test_a_program_of_another_name_wants_its_own_manager(self):
        link = os.path.join(tempfile.mkdtemp(), 'nova-foo')
        os.symlink(BINARY, link)
        self.ends(1, r'no option foo_manager names the manager of topic foo', binary=link)

    # checklist: 18, 19, 20
    def test_a_program_of_another_name_serves_its_topic_when_it_has_one(self):
        link = os.path.join(tempfile.mkdtemp(), 'nova-console')
        os.symlink(BINARY, link)
        d = self.daemon(binary=link, options={'console_manager': 'nova.compute.manager.ComputeManager'}).start()
        self.assertIn('Starting console node (version', d.text())
        self.assertEqual((d.service_row()['binary'], d.service_row()['topic']), ('nova-console', 'console'))
        self.assertEqual(d.sql('SELECT * FROM compute_nodes'), [])      # that is nova-compute's
        self.assertIn('console.testhost', self.broker.queues(self.vhost))
        self.assertEqual(d.stop(), 0)

    # checklist: 23
    def test_a_manager_that_is_not_there(self):
        self.ends(1, 'Class nova.nonesuch.Manager could not be found', options={'compute_manager': 'nova.nonesuch.Manager'})

    # checklist: 28, 30
    def test_a_driver_that_is_not_there(self):
        self.ends(1, r'Class nonesuch\.Driver could not be found: there is no module /\S*nonesuch\.so', driver='nonesuch.Driver')
        self.ends(1, r'Unable to load the virtualization driver: /nonexistent/virt/fake\.so: cannot open', options={'module_path': '/nonexistent'})

    # checklist: 29, 30
    @unittest.skipUnless(os.path.exists(os.path.join(WRONG_MODULES, 'wrong-abi.so')), 'the unit tests are not built')
    def test_a_module_that_is_no_driver(self):
        for name, pattern in (('symbol', 'Expected object of type: ComputeDriver: .*is no module of this program'),
                              ('magic', 'Expected object of type: ComputeDriver: '),
                              ('abi', 'Expected object of type: ComputeDriver: .*interface version'),
                              ('object', 'Expected object of type: ComputeDriver: .*constructs something else'),
                                                            ('unresolved', 'Unable to load the virtualization driver: .*a_function_that_no_library_has')):
            with self.subTest(name=name):
                self.ends(1, pattern, driver=os.path.join(WRONG_MODULES, 'wrong-%s.so' % name))
        # a driver that finds its options wrong says so, and a restart would not help
        self.ends(78, 'the moon is not full', driver=os.path.join(WRONG_MODULES, 'wrong-nothing.so'))
        path = os.path.join(tempfile.mkdtemp(), 'text.so')
        with open(path, 'w', encoding='ascii') as f:
            f.write('no library\n')
        self.ends(1, 'Unable to load the virtualization driver: %s: ' % path, driver=path)

    # checklist: 33
    def test_a_network_manager_that_is_not_there(self):
        self.ends(1, 'Class nova.network.manager.NoSuch could not be found: network_manager may be .*VlanManager',
                  options={'network_manager': 'nova.network.manager.NoSuch'})

    # checklist: 48
    def test_a_connection_type_that_is_unknown_or_not_built(self):
        factory = 'nova.virt.connection.get_connection'
        self.ends(1, 'Unknown connection type "xen"', driver=factory, options={'connection_type': 'xen'})
        for name in ('xenapi', 'vmwareapi', 'baremetal', 'hyperv'):
            with self.subTest(name=name):
                self.ends(1, 'Unable to load the virtualization driver: %s: this nova-compute is built without' % name, driver=factory,
                          options={'connection_type': name})

    def test_a_transport_url_that_is_none(self):
        for url, pattern in (('http://u:Url-s3cret@h/', "transport_url: unknown transport 'http'"),
                             ('kafka://u:Url-s3cret@h/', "transport_url: unknown transport 'kafka'"),
                             ('rabbit://u:Url-s3cret@h:port/', 'transport_url: host 1 of the list: its port is not a number'),
                             ('rabbit://u:Url-s3cret@[::1/', 'transport_url: host 1 of the list: its IPv6 address is not closed'),
                             ('rabbit://a@b,u:Url-s3cret@h:0/', 'transport_url: host 2 of the list: its port'),
                             ('u:Url-s3cret@h', 'transport_url: it does not begin with rabbit://')):
            with self.subTest(url=url):
                self.ends(78, pattern, url=url)

    def test_a_database_that_is_none(self):
        for url, status, pattern in (('mysql://nova:Url-s3cret@h/nova', 78, r'sql_connection "mysql://nova:\*\*\*@h/nova": only sqlite'),
                                     ('nonsense', 78, 'sql_connection "nonsense": expected sqlite:////absolute/path'),
                                     ('sqlite:////dev/null', 1, '/dev/null')):
            with self.subTest(url=url):
                self.ends(status, pattern, options={'sql_connection': url})
        folder = os.path.join(tempfile.mkdtemp(), 'a-folder')
        os.mkdir(folder)
        self.ends(1, 'CRITICAL .*' + folder, options={'sql_connection': 'sqlite:///' + folder})
        other = os.path.join(os.path.dirname(folder), 'other.db')
        d = self.daemon()
        d.change('CREATE TABLE songs (title)', path=other)
        self.ends(1, 'CRITICAL .*' + other, options={'sql_connection': 'sqlite:///' + other})
        newer = os.path.join(os.path.dirname(folder), 'newer.db')
        d = self.daemon(options={'sql_connection': 'sqlite:///' + newer}).start()
        self.assertEqual(d.stop(), 0)
        d.change('PRAGMA user_version = 999', path=newer)
        self.ends(1, 'CRITICAL .*%s.*999' % newer, options={'sql_connection': 'sqlite:///' + newer})

    # checklist: 49
    def test_a_state_directory_that_cannot_be_used_is_waited_for(self):
        """It may be mounted late, or given to us by somebody who sees the sentence: no reason to end."""
        folder = tempfile.mkdtemp()
        os.chmod(folder, 0o755)
        state = os.path.join(folder, 'state')
        for how in ('missing', 'unwritable'):
            with self.subTest(how=how):
                d = self.daemon(user='nova', options={'state_path': state})
                if how == 'unwritable':
                    os.mkdir(state, 0o755)
                d.start()
                self.assertRegex(d.status(), r'Degraded on host testhost: .*%s' % re.escape(state))
                d.wait_logged('ERROR .*model server went away: .*%s' % re.escape(state))
                alice = self.client('alice')
                self.assertEqual((alice.get('State'), alice.get('ModelConnected')), ('degraded', False))
                if how == 'missing':
                    os.mkdir(state)
                os.chown(state, 1503, 1503)
                eventually(lambda: alice.get('State') == 'running', 15, 'the recovery')
                d.wait_logged('ERROR .*Recovered model server connection!')
                self.assertEqual(len(re.findall('ERROR .*model server went away', d.text())), 1)
                self.assertEqual(d.stop(), 0)
                for root, folders, files in os.walk(state, topdown=False):
                    for name in files:
                        os.unlink(os.path.join(root, name))
                    os.rmdir(root)

    # checklist: 79
    def test_a_second_daemon_of_the_same_host_or_state(self):
        first = self.daemon().start()
        self.ends(1, r'another nova-compute already serves host testhost: it holds %s/\S+' % first.state,
                  options={'dbus': 'false', 'state_path': first.state})
        self.ends(1, r'CRITICAL .*Another nova-compute, process \d+, works on the database %s' %
                  re.escape(first.database()[:-len('.sqlite')]), host='other',
                  options={'dbus': 'false', 'sql_connection': 'sqlite:///' + first.database()})
        self.ends(1, r'another nova-compute owns org\.nova\.Compute1 on this bus', host='third')
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        # one that is killed is in nobody's way
        first.kill()
        first.start()

    def test_options_that_are_wrong(self):
        d = self.ends(78, r'nova\.conf:\d+: \[DEFAULT\] report_interval = .often.: must be a whole number', options={'report_interval': 'often'})
        with open(d.conf, encoding='utf-8') as f:
            line = [n for n, text in enumerate(f, 1) if text.startswith('report_interval')]
        self.assertRegex(d.text(), r'%s:%d: ' % (re.escape(d.conf), line[0]))
        self.ends(78, r'nova\.conf:\d+: \[oslo_messaging_rabbit\] rabbit_qos_prefetch_count = .99999.: .*0 to 65535',
                  groups={'oslo_messaging_rabbit': {'rabbit_qos_prefetch_count': '99999'}})
        self.ends(78, r'command line: unknown option --nonesuch', '--nonesuch=3')
        self.ends(78, r"command line: \[DEFAULT\] report_interval = 'often'", '--report_interval=often')
        self.ends(78, r"cannot read configuration file '/nonexistent\.conf': No such file", '--config-file', '/nonexistent.conf')
        self.ends(78, r'\[fake\] fault "x:y" is not METHOD:hang', groups={'fake': {'fault': 'x:y'}})

    def test_a_name_that_cannot_be_one_on_the_bus(self):
        self.ends(78, 'dbus_name "nova" cannot be a name on the bus', options={'dbus_name': 'nova'})

    # checklist: 11
    def test_a_log_file_that_cannot_be_written(self):
        folder = tempfile.mkdtemp()
        self.ends(78, "the log file '/nonexistent/x.log' cannot be opened: No such file", options={'log_file': '/nonexistent/x.log'})
        self.ends(78, "the log file '%s' cannot be opened: Is a directory" % folder, options={'log_file': folder})
        os.chmod(folder, 0o755)
        self.ends(78, "the log file '%s/x.log' cannot be opened: Permission denied" % folder, user='nova', options={'log_file': folder + '/x.log'})


if __name__ == '__main__':
    unittest.main()
