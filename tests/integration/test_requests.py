"""The daemon as its peers in OpenStack see it: the real Python client, Nova's own client classes, the notifications and casts
it sends, its rows in the database. Judged from outside; the fake driver where something must fail or be slow, libvirt's
test:///default where numbers must be right."""
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import CONTEXT, LIBVIRT, NODE, SLOW, OnHost, Raw, enveloped, eventually, opened, rpc_client  # noqa: E402
import oslo_messaging  # noqa: E402

HOOKS = {'monkey_patch': 'true', 'monkey_patch_modules': 'nova.compute.manager:nova.notifier.api.notify_decorator',
         'notification_driver': 'messagingv2'}
UPTIME = r'^ *\d\d:\d\d:\d\d up .*load average: [0-9.]+, [0-9.]+, [0-9.]+$'


def together(functions):
    """Calls all at once: what each returned or raised, and how long it took altogether."""
    results = [None] * len(functions)

    def run(i):
        try:
            results[i] = functions[i]()
        except Exception as e:
            results[i] = e
    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results, time.monotonic() - began


class PythonClient(OnHost):
    """oslo.messaging against a host with the fake driver."""
    options = {'rpc_ping_enabled': 'true'}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        transport, cls.rpc = rpc_client(cls.url, host=cls.host, timeout=20)
        cls.addClassCleanup(transport.cleanup)

    def setUp(self):
        self.addCleanup(self.daemon.fault)

    def base(self, version='1.1'):
        return self.rpc.prepare(namespace='baseapi', version=version)

    def assertRemote(self, kind, text, function, *args, **kwargs):
        with self.assertRaises(oslo_messaging.RemoteError) as caught:
            function(*args, **kwargs)
        self.assertEqual(caught.exception.exc_type, kind)
        self.assertIn(text, caught.exception.value)
        self.assertNotRegex(str(caught.exception), r'/src/|\.c\b')

    # checklist: 36, 62
    def test_every_host_method_returns_its_result(self):
        for method, args, expected in (
                ('service_version', {}, self.bus().get('Version')),
                ('set_host_enabled', {'enabled': False}, 'disabled'),
                ('set_host_enabled', {'enabled': True}, 'enabled'),
                ('host_maintenance_mode', {'host': 'testhost', 'mode': True}, 'on_maintenance'),
                ('host_maintenance_mode', {'host': 'testhost', 'mode': False}, 'off_maintenance'),
                ('host_power_action', {'action': 'startup'}, 'startup'),
                ('host_power_action', {'action': 'shutdown'}, 'shutdown'),
                ('host_power_action', {'action': 'reboot'}, 'reboot'),
                ('update_available_resource', {}, None),
                ('publish_service_capabilities', {}, None),
                ('refresh_instance_security_rules', {'instance': {'uuid': str(uuid.uuid4())}}, None),
                ('refresh_security_group_rules', {'security_group_id': str(uuid.uuid4())}, None),
                ('refresh_security_group_members', {'security_group_id': 7}, None),
                ('refresh_provider_fw_rules', {}, None)):
            for version in ('6.0', '6.1', '5.0', '5.13'):
                with self.subTest(method, version=version):
                    self.assertEqual(self.rpc.prepare(version=version).call(CONTEXT, method, **args), expected)
        self.assertRegex(self.rpc.call(CONTEXT, 'get_host_uptime').strip(), UPTIME)

    # checklist: 36
    def test_the_configuration_is_told_without_secrets(self):
        config = self.rpc.call(CONTEXT, 'service_config')
        self.assertEqual((config['host'], config['report_interval'], config['debug']), ('testhost', 10, True))
        self.assertEqual(config['compute_driver'], 'fake.FakeDriver')
        self.assertIn('***', config['transport_url'])
        self.assertEqual(config['rabbit_password'], '***')
        self.assertNotIn(self.broker.password, json.dumps(config))

    def test_the_base_methods_answer(self):
        for arg in ('x', 7, None, {'a': [1, None]}, 'ü' * 1000):
            self.assertEqual(self.base().call(CONTEXT, 'ping', arg=arg), {'service': 'compute', 'arg': arg})
        self.assertEqual(self.base('1.0').call(CONTEXT, 'ping', arg=1), {'service': 'compute', 'arg': 1})
        self.assertIsNone(self.base().call(CONTEXT, 'get_backdoor_port'))
        self.assertEqual(self.rpc.prepare(version='1.0').call(CONTEXT, 'oslo_rpc_server_ping'), 'pong')

    # checklist: 62
    def test_builtin_exceptions_are_raised_as_they_are(self):
        for method, args, kind, text in (
                ('set_host_enabled', {}, TypeError, "missing the argument 'enabled'"),
                ('set_host_enabled', {'enabled': 'yes'}, TypeError, "argument 'enabled': a boolean is required"),
                ('host_power_action', {'action': None}, TypeError, "argument 'action'"),
                ('host_maintenance_mode', {'mode': 'off'}, TypeError, "argument 'mode'")):
            with self.subTest(method, args=args), self.assertRaises(kind) as caught:
                self.rpc.call(CONTEXT, method, **args)
            self.assertIn(text, str(caught.exception))
        self.daemon.fault('host_power_action:fail:NotImplementedError')
        with self.assertRaises(NotImplementedError):
            self.rpc.call(CONTEXT, 'host_power_action', action='reboot')

    # checklist: 62
    def test_other_exceptions_are_remote_errors_of_their_class(self):
        for name in ('InstanceNotFound', 'HypervisorUnavailable', 'NovaException', 'DBError', 'InternalError'):
            self.daemon.fault('get_host_uptime:fail:' + name)
            with self.subTest(name):
                self.assertRemote(name, '', self.rpc.call, CONTEXT, 'get_host_uptime')
        self.daemon.fault('connection:fail')
        self.assertRemote('HypervisorUnavailable', '', self.rpc.call, CONTEXT, 'get_host_uptime')
        self.assertRemote('Invalid', 'startup, shutdown or reboot', self.rpc.call, CONTEXT, 'host_power_action', action='x')

    # checklist: 62
    def test_unknown_versions_namespaces_and_methods_are_refused(self):
        for prepared, method, kind, text in (
                ({'version': '6.2'}, 'get_host_uptime', 'UnsupportedVersion', 'RPC version 6.2. Attempted method: get_host_uptime'),
                ({'version': '7.0'}, 'get_host_uptime', 'UnsupportedVersion', 'RPC version 7.0'),
                ({'version': '5.14'}, 'get_host_uptime', 'UnsupportedVersion', 'RPC version 5.14'),
                ({'version': '4.0'}, 'get_host_uptime', 'UnsupportedVersion', 'RPC version 4.0'),
                ({'version': '1.1'}, 'oslo_rpc_server_ping', 'UnsupportedVersion', 'RPC version 1.1'),
                ({'namespace': 'baseapi', 'version': '1.2'}, 'ping', 'UnsupportedVersion', 'RPC version 1.2'),
                ({'namespace': 'compute_task'}, 'ping', 'UnsupportedVersion', 'RPC version 6.0'),
                ({}, 'ping', 'NoSuchMethod', 'RPC method ping'),
                ({}, 'oslo_rpc_server_ping', 'NoSuchMethod', 'RPC method oslo_rpc_server_ping'),
                ({'version': '1.0'}, 'get_host_uptime', 'NoSuchMethod', 'RPC method get_host_uptime'),
                ({}, 'build_and_run_instances', 'NoSuchMethod', 'RPC method build_and_run_instances')):
            with self.subTest(method, **prepared):
                self.assertRemote(kind, text, self.rpc.prepare(**prepared).call, CONTEXT, method)

    def test_nothing_but_the_methods_can_be_called(self):
        for name in ('_publish_service_capabilities', '_sync_power_states', 'init_host', 'periodic_tasks', '__init__', 'driver',
                     'host', 'update_service_capabilities', 'get_host_uptime ', 'GET_HOST_UPTIME'):
            with self.subTest(name):
                self.assertRemote('NoSuchMethod', name, self.rpc.call, CONTEXT, name)

    def test_the_ping_of_the_server_is_off_unless_asked_for(self):
        with contextlib.closing(self.make('quiet', dbus='false')) as other:
            other.start()
            transport, client = rpc_client(self.url, host='quiet')
            self.addCleanup(transport.cleanup)
            self.assertRemote('UnsupportedVersion', 'RPC version 1.0', client.prepare(version='1.0').call, CONTEXT, 'oslo_rpc_server_ping')
            self.assertEqual(client.prepare(namespace='baseapi', version='1.0').call(CONTEXT, 'ping', arg=1)['arg'], 1)

    # --- time ----------------------------------------------------------------------------------------------

    # checklist: 61
    def test_sixty_four_callers_at_once_get_their_own_answers(self):
        def caller(n):
            return lambda: [self.base().call(CONTEXT, 'ping', arg=[n, i])['arg'] for i in range(4)]
        results, _ = together([caller(n) for n in range(64)])
        self.assertEqual(results, [[[n, i] for i in range(4)] for n in range(64)])

    # checklist: 61
    def test_sixty_four_slow_calls_run_at_once(self):
        self.daemon.fault('get_host_uptime:slow:1')
        results, took = together([lambda: self.rpc.call(CONTEXT, 'get_host_uptime')] * 64)
        for result in results:
            self.assertRegex(str(result).strip(), UPTIME)
        self.assertLess(took, 8 * SLOW)         # one after the other it would be 64

    # checklist: 61
    def test_fast_calls_overtake_a_slow_one(self):
        self.daemon.fault('get_host_uptime:slow:2')
        slow, fast = [], []

        def call_slowly():
            slow.append(self.rpc.call(CONTEXT, 'get_host_uptime'))
            fast.append('the slow one')
        thread = threading.Thread(target=call_slowly)
        before = self.bus().get('Requests')
        thread.start()
        eventually(lambda: self.bus().get('Requests') > before, what='the slow call taken')
        for i in range(20):
            fast.append(self.base().call(CONTEXT, 'ping', arg=i)['arg'])
        self.assertEqual(fast, list(range(20)))
        thread.join()
        self.assertRegex(slow[0].strip(), UPTIME)

    def test_a_monitored_call_lives_longer_than_its_monitor(self):
        """Without the signs of life of the daemon the client would give up after 2 s."""
        self.daemon.fault('get_host_uptime:slow:4')
        monitored = self.rpc.prepare(timeout=30, call_monitor_timeout=2)
        self.assertRegex(monitored.call(CONTEXT, 'get_host_uptime').strip(), UPTIME)

    def test_who_gives_up_gets_his_timeout_and_the_next_call_its_own_answer(self):
        self.daemon.fault('get_host_uptime:slow:1.5')
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            self.rpc.prepare(timeout=0.5).call(CONTEXT, 'get_host_uptime')
        self.assertEqual(self.base().call(CONTEXT, 'ping', arg='next')['arg'], 'next')

    def test_a_hypervisor_that_says_nothing_does_not_silence_the_rest(self):
        self.daemon.fault('get_host_uptime:hang')
        calls = together([lambda: self.rpc.prepare(timeout=1).call(CONTEXT, 'get_host_uptime')] * 20)[0]
        self.assertEqual({type(c) for c in calls}, {oslo_messaging.MessagingTimeout})
        self.assertEqual(self.base().call(CONTEXT, 'ping', arg='there')['arg'], 'there')
        self.assertEqual(self.rpc.call(CONTEXT, 'set_host_enabled', enabled=True), 'enabled')
        self.daemon.fault()
        self.assertRegex(self.rpc.call(CONTEXT, 'get_host_uptime').strip(), UPTIME)

    def test_a_call_that_expired_while_nobody_consumed_is_not_run(self):
        bus = self.bus()
        bus.verb('Stop', timeout=20)
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            self.rpc.prepare(timeout=1).call(CONTEXT, 'host_power_action', action='reboot')
        before = bus.get('Requests')
        eventually(lambda: Raw.declared(self.broker, self.vhost, 'compute.testhost').message_count == 0, what='its expiry')
        bus.verb('Start', timeout=30)
        self.assertEqual(self.base().call(CONTEXT, 'ping', arg=1)['arg'], 1)
        self.assertEqual(bus.get('Requests'), before + 1)


class Casts(OnHost):
    """Two hosts of one topic; what runs there is seen by the notifications of the hooks."""
    options = HOOKS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second = cls.make('second', dbus='false', **cls.options).start()
        transport, cls.rpc = rpc_client(cls.url, host=cls.host)
        cls.addClassCleanup(transport.cleanup)

    def listen(self):
        raw = self.connect()
        raw.listen('notifications.info', exchange='nova', kind='topic', auto_delete=False, exchange_auto_delete=False)
        return raw

    def hosts(self, raw, request_id, n):
        """Whose managers have run the request: @n of them."""
        def found(got):
            return [m for m in map(opened, got) if m['_context_request_id'] == request_id]
        return sorted(m['publisher_id'] for m in found(raw.wait('notifications.info', lambda got: len(found(got)) >= n)))

    def context(self):
        return dict(CONTEXT, request_id='req-' + str(uuid.uuid4()))

    # checklist: 14, 58
    def test_a_cast_to_a_server_reaches_it_alone(self):
        raw, context = self.listen(), self.context()
        self.rpc.cast(context, 'set_host_enabled', enabled=True)
        self.rpc.prepare(server='second').cast(context, 'set_host_enabled', enabled=True)
        self.assertEqual(self.hosts(raw, context['request_id'], 2), ['second', 'testhost'])

    # checklist: 57, 75
    def test_casts_to_the_topic_are_shared(self):
        raw, context = self.listen(), self.context()
        for _ in range(10):
            self.rpc.prepare(server=None).cast(context, 'refresh_provider_fw_rules')
        self.assertEqual(set(self.hosts(raw, context['request_id'], 10)), {'second', 'testhost'})
        self.assertEqual(len(self.hosts(raw, context['request_id'], 10)), 10)

    # checklist: 59, 75
    def test_a_fanout_cast_reaches_all(self):
        raw, context = self.listen(), self.context()
        self.rpc.prepare(server=None, fanout=True).cast(context, 'refresh_provider_fw_rules')
        self.assertEqual(self.hosts(raw, context['request_id'], 2), ['second', 'testhost'])

    # checklist: 14
    def test_the_notification_comes_before_the_call_and_names_its_arguments(self):
        raw, context = self.listen(), self.context()
        self.daemon.fault('host_power_action:fail')
        self.addCleanup(self.daemon.fault)
        with self.assertRaises(oslo_messaging.RemoteError):
            self.rpc.call(context, 'host_power_action', action='reboot')
        self.assertEqual(self.hosts(raw, context['request_id'], 1), ['testhost'])
        [mine] = [m for m in map(opened, raw.got['notifications.info']) if m['_context_request_id'] == context['request_id']]
        self.assertEqual((mine['event_type'], mine['payload']),
                         ('nova.compute.manager.ComputeManager.host_power_action', {'args': [], 'kwarg': {'action': 'reboot'}}))
        raw.listen('notifications.error', auto_delete=False)
        [error] = [m for m in map(opened, raw.wait('notifications.error', 1)) if m['_context_request_id'] == context['request_id']]
        self.assertEqual((error['publisher_id'], error['event_type'], error['priority']),
                         ('compute.testhost', 'host_power_action', 'ERROR'))

    # checklist: 57, 58, 59, 60
    def test_each_host_has_three_consumers_on_one_channel_of_one_connection(self):
        def connections(host):
            return [c for c in self.broker.http('GET', 'connections') if c.get('vhost') == self.vhost and
                    ':%s:' % host in c.get('client_properties', {}).get('connection_name', '')]
        for host in ('testhost', 'second'):
            eventually(lambda h=host: len(connections(h)) == 2, what='the two connections of ' + host)
        queues = self.broker.queues(self.vhost)
        for queue, n in (('compute', 2), ('compute.testhost', 1), ('compute.second', 1), ('compute_fanout_testhost:nova-compute:1', 1),
                         ('compute_fanout_second:nova-compute:1', 1)):
            self.assertIn(queue, queues)
            self.assertEqual(self.consumers(queue), n, queue)
        consumers = eventually(lambda: (lambda c: c if len(c) >= 6 else None)(self.broker.http('GET', 'consumers/' + self.vhost)),
                               what='six consumers in the management API')
        channels = {}
        for c in consumers:
            channels.setdefault(c['channel_details']['name'], []).append(c['queue']['name'])
        ours = sorted(sorted(q) for q in channels.values() if 'compute' in q)
        self.assertEqual(ours, [['compute', 'compute.second', 'compute_fanout_second:nova-compute:1'],
                                ['compute', 'compute.testhost', 'compute_fanout_testhost:nova-compute:1']])

    # checklist: 59
    def test_the_fanout_queue_goes_with_its_host(self):
        third = self.make('third', dbus='false').start()
        self.assertIn('compute_fanout_third:nova-compute:1', self.broker.queues(self.vhost))
        self.assertEqual(third.stop(), 0)
        self.assertNotIn('compute_fanout_third:nova-compute:1', self.broker.queues(self.vhost))
        self.assertIn('compute.third', self.broker.queues(self.vhost))


try:
    os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', '1')
    import nova.baserpc
    import nova.compute.rpcapi
    import nova.conf
    import nova.context
    import nova.exception
    import nova.rpc
    NOVA = True
except ImportError:
    NOVA = False


@unittest.skipUnless(NOVA, 'python3-nova is not installed')
class NovasOwnClient(OnHost):
    """nova.compute.rpcapi and nova.baserpc, as nova-api uses them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        from oslo_messaging._metrics import client as metrics
        conf = nova.conf.CONF
        conf([], project='nova', default_config_files=[], default_config_dirs=[])
        conf.register_opts(metrics.oslo_messaging_metrics, group='oslo_messaging_metrics')
        nova.rpc.set_defaults(control_exchange='nova')
        oslo_messaging.get_rpc_transport(conf, 'fake://')       # registers transport_url
        conf.set_override('transport_url', cls.url)
        nova.rpc.init(conf)
        cls.addClassCleanup(nova.rpc.cleanup)
        nova.compute.rpcapi.reset_globals()
        cls.addClassCleanup(nova.compute.rpcapi.reset_globals)
        cls.compute = nova.compute.rpcapi.ComputeAPI()
        cls.base = nova.baserpc.BaseAPI('compute')
        cls.context = nova.context.get_admin_context()

    def test_the_host_calls_of_the_compute_api(self):
        self.assertRegex(self.compute.get_host_uptime(self.context, 'testhost').strip(), UPTIME)
        self.assertEqual(self.compute.set_host_enabled(self.context, 'testhost', False), 'disabled')
        self.assertEqual(self.compute.set_host_enabled(self.context, 'testhost', True), 'enabled')
        self.assertEqual(self.compute.host_maintenance_mode(self.context, 'testhost', 'testhost', True), 'on_maintenance')
        self.assertEqual(self.compute.host_power_action(self.context, 'testhost', 'reboot'), 'reboot')

    def test_the_base_api(self):
        self.assertEqual(self.base.ping(self.context, {'a': 1}, timeout=10), {'service': 'compute', 'arg': {'a': 1}})
        self.assertIsNone(self.base.get_backdoor_port(self.context, 'testhost'))

    # checklist: 62
    def test_exceptions_arrive_as_novas_own(self):
        self.addCleanup(self.daemon.fault)
        for name, code in (('InstanceNotFound', 404), ('HypervisorUnavailable', 500), ('InvalidHypervisorType', 400),
                           ('ComputeHostNotFound', 404), ('NovaException', 500)):
            self.daemon.fault('get_host_uptime:fail:' + name)
            with self.subTest(name), self.assertRaises(getattr(nova.exception, name)) as caught:
                self.compute.get_host_uptime(self.context, 'testhost')
            self.assertEqual(type(caught.exception).__name__, name + '_Remote')
            self.assertEqual(caught.exception.kwargs['code'], code)
        with self.assertRaises(nova.exception.Invalid):
            self.compute.host_power_action(self.context, 'testhost', 'explode')
        self.daemon.fault('host_power_action:fail:NotImplementedError')
        with self.assertRaises(NotImplementedError):
            self.compute.host_power_action(self.context, 'testhost', 'reboot')

    def test_a_users_context_with_token_and_catalog_is_taken_and_not_logged(self):
        context = nova.context.RequestContext('u-1', 'p-1', auth_token='s3cret-token', roles=['member'], remote_address='10.0.0.9',
                                              service_catalog=[{'type': 'image', 'name': 'glance', 'endpoints': []}])
        self.assertEqual(self.base.ping(context, 1, timeout=10)['arg'], 1)
        self.daemon.fault('get_host_uptime:fail')
        self.addCleanup(self.daemon.fault)
        with self.assertRaises(nova.exception.NovaException):
            self.compute.get_host_uptime(context, 'testhost')
        line = self.daemon.wait_logged('(?m)^.*%s.*Exception during message handling.*$' % context.request_id).group(0)
        self.assertIn('u-1 p-1', line)
        self.assertNotIn('s3cret-token', self.daemon.text())


@unittest.skipUnless(LIBVIRT, 'built without libvirt')
class LibvirtHost(OnHost):
    """libvirt's test driver: what it can do, and its numbers in the row and on the bus."""
    driver = 'libvirt.LibvirtDriver'
    groups = {'libvirt': {'virt_type': 'test', 'connection_uri': 'test:///default'}}
    options = dict(HOOKS, reserved_host_memory_mb='256', reserved_host_cpus='1')

    def virsh(self, *arguments):
        done = subprocess.run(['virsh', '-q', '-c', 'test:///default'] + list(arguments), stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def row(self):
        [row] = self.daemon.sql('SELECT * FROM compute_nodes WHERE deleted = 0')
        return row

    def test_the_host_methods_say_what_libvirt_cannot(self):
        client = self.client()
        self.assertRegex(client.call(CONTEXT, 'get_host_uptime').strip(), UPTIME)
        for method, args in (('host_power_action', {'action': 'reboot'}), ('host_maintenance_mode', {'host': 'testhost', 'mode': True})):
            with self.subTest(method), self.assertRaises(NotImplementedError):
                client.call(CONTEXT, method, **args)
        # the services row is what counts here, and the API has written that
        self.assertEqual(client.call(CONTEXT, 'set_host_enabled', enabled=True), 'enabled')
        self.assertIsNone(client.call(CONTEXT, 'refresh_provider_fw_rules'))

    # checklist: 54
    def test_the_row_has_the_numbers_that_libvirt_and_the_kernel_tell(self):
        row, disk = self.row(), os.statvfs(os.path.join(self.daemon.state, 'instances'))
        info = dict(line.split(':', 1) for line in self.virsh('nodeinfo').splitlines() if ':' in line)
        online = int(re.search(r'CPUs online: +(\d+)', self.virsh('nodecpumap')).group(1))
        self.assertEqual(row['vcpus'], online)
        self.assertEqual(row['memory_mb'], int(info['Memory size'].split()[0]) // 1024)
        self.assertEqual(row['local_gb'], disk.f_frsize * disk.f_blocks >> 30)
        self.assertEqual((row['hypervisor_type'], row['hypervisor_version']), ('TEST', 2))
        self.assertEqual(row['hypervisor_hostname'], self.virsh('hostname').strip())
        self.assertEqual((row['host'], row['host_ip']), ('testhost', '127.0.0.1'))
        # no instance of ours: what is reserved is used
        self.assertEqual((row['vcpus_used'], row['memory_mb_used'], row['local_gb_used']), (1, 256, 0))
        self.assertEqual((row['free_ram_mb'], row['free_disk_gb']), (row['memory_mb'] - 256, row['local_gb']))
        self.assertEqual((row['running_vms'], row['current_workload']), (0, 0))
        self.assertEqual((row['cpu_allocation_ratio'], row['ram_allocation_ratio'], row['disk_allocation_ratio']), (16.0, 1.5, 1.0))
        cpu = json.loads(row['cpu_info'])
        self.assertEqual(cpu['arch'], 'i686')
        self.assertTrue({'sockets', 'cores', 'threads'} <= set(cpu['topology']))
        self.assertIn(['i686', 'test', 'hvm'], [list(s) for s in json.loads(row['supported_hv_specs'])])
        [service] = self.daemon.sql('SELECT id FROM services WHERE deleted = 0')
        self.assertEqual(row['service_id'], service['id'])

    # checklist: 54
    def test_the_bus_shows_what_the_row_has(self):
        bus = self.bus()
        node, row = bus.all(NODE), self.row()
        self.assertGreater(node['UpdatedUSec'], 0)
        for name, column in (('HypervisorType', 'hypervisor_type'), ('HypervisorVersion', 'hypervisor_version'),
                             ('HypervisorHostname', 'hypervisor_hostname'), ('Uuid', 'uuid'), ('HostIp', 'host_ip'), ('VCPUs', 'vcpus'),
                             ('VCPUsUsed', 'vcpus_used'), ('MemoryMiB', 'memory_mb'), ('MemoryUsedMiB', 'memory_mb_used'),
                             ('MemoryFreeMiB', 'free_ram_mb'), ('DiskGiB', 'local_gb'), ('DiskUsedGiB', 'local_gb_used'),
                             ('DiskFreeGiB', 'free_disk_gb'), ('DiskAvailableLeastGiB', 'disk_available_least'),
                             ('RunningVMs', 'running_vms'), ('CurrentWorkload', 'current_workload'),
                             ('CPUAllocationRatio', 'cpu_allocation_ratio'), ('MemoryAllocationRatio', 'ram_allocation_ratio'),
                             ('DiskAllocationRatio', 'disk_allocation_ratio'), ('CPUInfo', 'cpu_info')):
            with self.subTest(name):
                self.assertEqual(node[name], row[column])
        self.assertEqual((node['VCPUsReserved'], node['MemoryReservedMiB'], node['DiskReservedGiB']), (1, 256, 0))
        self.assertEqual(node['ConnectionUri'], 'test:///default')
        self.assertTrue(node['HypervisorConnected'])
        self.assertEqual(node['Stats'], json.loads(row['stats']))

    # checklist: 54
    def test_update_on_the_bus_and_by_a_call_write_a_row_that_has_gone(self):
        bus, client = self.bus(), self.client()
        for update in (lambda: bus.verb('UpdateAvailableResource'), lambda: client.call(CONTEXT, 'update_available_resource'),
                       lambda: bus.verb('RunPeriodicTask', 'update_available_resource')):
            before, seen = self.row(), bus.get('UpdatedUSec', NODE)
            with contextlib.closing(sqlite3.connect(self.daemon.database(), timeout=5)) as database, database:
                database.execute('UPDATE compute_nodes SET deleted = 1 WHERE deleted = 0')
            update()
            after = self.row()
            self.assertGreater(after['id'], before['id'])
            self.assertEqual({k: v for k, v in after.items() if k in ('vcpus', 'memory_mb', 'hypervisor_hostname')},
                             {k: v for k, v in before.items() if k in ('vcpus', 'memory_mb', 'hypervisor_hostname')})
            self.assertGreater(bus.get('UpdatedUSec', NODE), seen)
            self.assertEqual(bus.get('Uuid', NODE), after['uuid'])

    # checklist: 54
    def test_a_wrong_number_in_the_row_is_put_right(self):
        bus, before = self.bus(), self.row()
        with contextlib.closing(sqlite3.connect(self.daemon.database(), timeout=5)) as database, database:
            database.execute('UPDATE compute_nodes SET vcpus = 99, memory_mb = 1 WHERE deleted = 0')
        bus.verb('UpdateAvailableResource')
        after = self.row()
        self.assertEqual((after['id'], after['vcpus'], after['memory_mb']), (before['id'], before['vcpus'], before['memory_mb']))
        self.assertIsNotNone(after['updated_at'])


class Work(OnHost):
    """What it does by itself, at intervals of a second."""
    options = {'report_interval': '1', 'periodic_interval': '1', 'publish_service_capabilities': 'true',
               'notification_driver': 'nova.notifier.rabbit_notifier', 'notification_topics': 'notes', 'host_state_interval': '3600',
               'monkey_patch': 'true', 'monkey_patch_modules': HOOKS['monkey_patch_modules'], 'service_down_time': '5'}

    def service(self):
        [row] = self.daemon.sql('SELECT * FROM services WHERE deleted = 0')
        return row

    # checklist: 51, 52, 53, 65
    def test_each_report_counts_and_dates_the_row(self):
        bus, first = self.bus(), self.service()
        self.assertEqual((first['host'], first['binary'], first['topic'], first['disabled'], first['availability_zone']),
                         ('testhost', 'nova-compute', 'compute', 0, 'nova'))
        later = eventually(lambda: (lambda row: row if row['report_count'] >= first['report_count'] + 2 else None)(self.service()),
                           what='two more reports')
        self.assertEqual(later['id'], first['id'])
        self.assertGreater(later['updated_at'], first['updated_at'] or '')
        self.assertGreater(later['last_seen_up'] or later['updated_at'], first['last_seen_up'] or '')
        self.assertEqual((bus.get('ServiceId'), bus.get('Uuid')), (later['id'], later['uuid']))
        self.assertGreaterEqual(bus.get('ReportCount'), later['report_count'])

    # checklist: 67
    def test_a_row_that_was_deleted_is_made_anew(self):
        bus, first = self.bus(), self.service()
        with contextlib.closing(sqlite3.connect(self.daemon.database(), timeout=5)) as database, database:
            database.execute('UPDATE services SET deleted = 1 WHERE deleted = 0')
        eventually(lambda: bus.get('ServiceId') > first['id'], what='another row')
        self.assertEqual(self.service()['id'], bus.get('ServiceId'))
        eventually(lambda: self.service()['report_count'] > 0, what='its first report')
        self.assertTrue(bus.get('ModelConnected'))

    # checklist: 35, 68
    def test_capabilities_are_published_at_each_tick(self):
        raw = self.connect()
        raw.listen('scheduler-1', exchange='scheduler_fanout', key='scheduler', kind='fanout')
        casts = [json.loads(m.body) for m in raw.wait('scheduler-1', 3)]
        self.assertEqual({c['args']['service_name'] for c in casts}, {'compute'})
        self.assertEqual(len({c['_context_request_id'] for c in casts}), len(casts))    # a context for each tick

    # checklist: 34, 69
    def test_the_host_status_is_looked_at_once_in_its_interval(self):
        self.daemon.wait_logged('(?s)(Notifying Schedulers of capabilities.*){3}')
        self.assertEqual(self.daemon.text().count('Updating host status'), 1)

    # checklist: 68, 69
    def test_the_periodic_tasks_are_listed_and_run(self):
        bus = self.bus()
        self.assertLessEqual({'_publish_service_capabilities', '_report_driver_status', 'update_available_resource', '_sync_power_states',
                              '_heal_instance_info_cache', '_poll_rebooting_instances', '_poll_rescued_instances',
                              '_poll_unconfirmed_resizes', '_poll_bandwidth_usage', '_reclaim_queued_deletes',
                              '_cleanup_running_deleted_instances', '_run_image_cache_manager_pass'}, set(bus.get('PeriodicTasks')))

        def runs():
            timers = {t[0]: t[2] for t in bus.call('org.nova.Compute1.Service', 'ListTimers')[0]}
            return timers['periodic_tasks']['Runs'][1], timers['report_state']['Runs'][1]
        before = runs()
        eventually(lambda: all(now >= then + 2 for now, then in zip(runs(), before)), what='two more runs of each')

    # checklist: 14, 63
    def test_the_rabbit_notifier_of_essex_sends_bare_messages_of_an_administrator(self):
        raw = self.connect()
        raw.publish(raw.essex('set_host_enabled', {'enabled': True}, _context_is_admin=False, _context_roles=['member']))
        eventually(lambda: 'notes.info' in self.broker.queues(self.vhost), what='the queue')
        raw.listen('notes.info', auto_delete=False)
        message = json.loads([m.body for m in raw.wait('notes.info', lambda got: any('set_host_enabled' in m.body for m in got))
                              if 'set_host_enabled' in m.body][0])
        self.assertNotIn('oslo.version', message)
        self.assertEqual((message['publisher_id'], message['event_type'], message['priority']),
                         ('testhost', 'nova.compute.manager.ComputeManager.set_host_enabled', 'INFO'))
        self.assertEqual((message['_context_is_admin'], message['_context_user_id']), (True, None))

    # checklist: 69
    def test_a_failing_task_does_not_stop_the_others(self):
        self.daemon.fault('get_available_resource:fail')
        self.addCleanup(self.daemon.fault)
        since = len(self.daemon.text())
        self.daemon.wait_logged(r'Error during \S*ComputeManager\.update_available_resource: ', since=since)
        raw = self.connect()
        raw.listen('scheduler-2', exchange='scheduler_fanout', key='scheduler', kind='fanout')
        raw.wait('scheduler-2', 2)
        raw.ping()


class Whole(OnHost):
    """One run from nothing to the end, seen from outside."""
    options = dict(HOOKS, report_interval='1', periodic_interval='1', publish_service_capabilities='true')
    start = False

    # checklist: 42, 43, 55, 56, 57, 58, 59, 61, 65, 68, 71, 72, 74, 75
    def test_it_listens_by_topic_runs_periodic_tasks_and_reports_its_state(self):
        raw = self.connect()
        # somebody calls before there is a host: the queue is the caller's doing
        raw.channel.exchange_declare('nova', 'topic', durable=False, auto_delete=False)
        raw.channel.queue_declare('compute.testhost', durable=False, auto_delete=False)
        raw.channel.queue_bind('compute.testhost', 'nova', 'compute.testhost')
        raw.listen('scheduler-all', exchange='scheduler_fanout', key='', kind='fanout')
        early = [raw.request('ping', {'arg': n}, namespace='baseapi', version='1.0') for n in range(3)]
        for request in early:
            raw.publish(enveloped(request))

        self.daemon.start()
        # at READY: queues, bindings, consumers, rows
        bindings = self.broker.bindings(self.vhost)
        for binding in (('nova', 'compute', 'compute'), ('nova', 'compute.testhost', 'compute.testhost'),
                        ('compute_fanout', 'compute_fanout_testhost:nova-compute:1', 'compute')):
            self.assertIn(binding, bindings)
            self.assertEqual(self.consumers(binding[1]), 1)
        [service] = self.daemon.sql('SELECT * FROM services')
        self.assertEqual((service['host'], service['binary'], service['topic']), ('testhost', 'nova-compute', 'compute'))
        [node] = self.daemon.sql('SELECT * FROM compute_nodes')
        self.assertEqual(node['service_id'], service['id'])
        for n, request in enumerate(early):
            self.assertEqual(raw.answer(request['_msg_id'])['result'], {'service': 'compute', 'arg': n})
        self.assertRegex(self.daemon.text(), r'AUDIT .*Starting compute node \(version [^)]+\)')
        self.assertIn('Creating Consumer connection for Service compute', self.daemon.text())

        # consumers: by topic, by host, by fan-out, with a reply
        client, bus = self.client(), self.bus()
        raw.listen('notifications.info', exchange='nova', kind='topic', auto_delete=False, exchange_auto_delete=False)
        for target in ({}, {'server': None}, {'server': None, 'fanout': True}):
            client.prepare(**target).cast(CONTEXT, 'refresh_provider_fw_rules')
        raw.wait('notifications.info', lambda got: len([m for m in got if 'refresh_provider_fw_rules' in m.body]) == 3)
        self.assertEqual(client.call(CONTEXT, 'service_version'), bus.get('Version'))
        # periodic tasks and reports
        raw.wait('scheduler-all', 2)
        eventually(lambda: self.daemon.sql('SELECT report_count FROM services')[0]['report_count'] >= 2, what='two reports')
        self.assertEqual((bus.get('State'), bus.get('Trouble')), ('running', ''))
        self.assertRegex(self.daemon.status(), '^Running on host testhost')

        # the options at DEBUG without the password, and the end
        self.assertRegex(self.daemon.text(), r'DEBUG .*transport_url : rabbit://nova:\*\*\*@')
        self.assertNotIn(self.broker.password, self.daemon.text())

        def connections():
            return [c for c in self.broker.http('GET', 'connections') if c.get('vhost') == self.vhost and
                    'nova-compute' in c.get('client_properties', {}).get('connection_name', '')]
        eventually(lambda: len(connections()) == 2, what='its two connections')
        self.assertEqual(self.daemon.stop(), 0)
        eventually(lambda: not connections(), what='no connection')
        self.assertNotIn('compute_fanout_testhost:nova-compute:1', self.broker.queues(self.vhost))
        self.assertEqual(Raw.declared(self.broker, self.vhost, 'compute.testhost').message_count, 0)


class WrongStarts(OnHost):
    """What the configuration names and is not there: a sentence, and no service."""
    start = False

    def ends(self, pattern, driver=None, **options):
        daemon = self.make('wrong', driver=driver, **options)
        daemon.launch()
        self.assertNotEqual(daemon.wait(), 0)
        self.assertRegex(daemon.text(), pattern)

    # checklist: 33
    def test_a_network_manager_that_is_none(self):
        self.ends('(?i)nova.network.manager.Nobody', network_manager='nova.network.manager.Nobody')

    # checklist: 31
    def test_a_network_api_that_is_none(self):
        self.ends('nova.network.nobody.API', network_api_class='nova.network.nobody.API')

    # checklist: 32
    def test_a_volume_api_that_is_none(self):
        self.ends('nova.volume.nobody.API', volume_api_class='nova.volume.nobody.API')

    # checklist: 47
    def test_the_default_driver_goes_by_connection_type(self):
        daemon = self.make('other', driver='nova.virt.connection.get_connection', connection_type='fake', dbus='false')
        daemon.start()
        [row] = daemon.sql('SELECT hypervisor_type FROM compute_nodes')
        self.assertEqual(row['hypervisor_type'], 'fake')
        self.assertEqual(daemon.stop(), 0)


if __name__ == '__main__':
    unittest.main()
