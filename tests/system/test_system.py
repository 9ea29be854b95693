"""The installed service under a real systemd: what an administrator does with systemctl, journalctl and busctl."""
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import container  # noqa: E402
import debian  # noqa: E402
from novatest import BUILD, BUS_NAME, BUS_PATH  # noqa: E402

PASSWORD = 'Sys-s3cret-pass'
CONF = """[DEFAULT]
host = cell-host
compute_driver = libvirt.LibvirtDriver
my_ip = 127.0.0.1
report_interval = 2
[libvirt]
connection_uri = test:///default
"""
RULE = """polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.nova.compute1.") == 0 && subject.user == "alice")
        return polkit.Result.YES;
});
"""
UNIT = 'nova-compute.service'
MESSAGE_DRIFT = 'de30e28f49a0466f9512e7d237ad8482'
ASK = """
import sys, oslo_messaging
from oslo_config import cfg
conf = cfg.CONF; conf([], project='t')
t = oslo_messaging.get_rpc_transport(conf, sys.argv[1]); conf.set_override('metrics_thread_stop_timeout', 0, 'oslo_messaging_metrics'); conf.set_override('control_exchange', 'nova')
c = oslo_messaging.get_rpc_client(t, oslo_messaging.Target(exchange='nova', topic='compute', server='cell-host', version='1.1',
                                                           namespace='baseapi'), timeout=20)
print(c.call({}, 'ping', arg=sys.argv[2]))
"""
REPORT = ('call', BUS_NAME, BUS_PATH, BUS_NAME + '.Service', 'ReportState', 'a{sv}', '0')


class SystemTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        deb = debian.package()
        lower = container.rootfs(os.environ.get('NOVA_TEST_ROOTFS', os.path.join(os.path.dirname(BUILD), 'rootfs')))
        cls.machine = container.Container(lower, 'cell-host')
        cls.addClassCleanup(cls.machine.stop)
        cls.machine.start()
        m = cls.machine
        m.write('/etc/nova/nova.conf', CONF)
        m.write('/etc/polkit-1/rules.d/10-test.rules', RULE)
        m.write('/root/ask.py', ASK)
        debian.install(m, deb)
        cls.conf = m.run('stat', '-c', '%U:%G %a', '/etc/nova/nova.conf').stdout + m.run('cat', '/etc/nova/nova.conf').stdout
        m.until('rabbitmqctl', 'await_startup', seconds=60)
        m.run('rabbitmqctl', 'add_user', 'nova', PASSWORD)
        m.run('rabbitmqctl', 'set_permissions', 'nova', '.*', '.*', '.*')
        cls.url = 'rabbit://nova:%s@127.0.0.1:5672/' % PASSWORD
        m.write('/etc/credstore/nova-compute.transport_url', cls.url, 0o600)
        m.run('systemctl', 'restart', UNIT)

    def setUp(self):
        self.machine.run('systemctl', 'reset-failed', UNIT, check=False)
        self.machine.run('systemctl', 'start', UNIT)

    def show(self, name, unit=UNIT):
        return self.machine.run('systemctl', 'show', '--value', '-p', name, unit).stdout.strip()

    def bus(self, *arguments, user=None, check=True):
        return self.machine.run('busctl', '--json=short', *arguments, user=user, check=check)

    def get(self, name, interface='Service'):
        return json.loads(self.bus('get-property', BUS_NAME, BUS_PATH, BUS_NAME + '.' + interface, name).stdout)['data']

    def ask(self, word):
        return self.machine.run('/usr/bin/python3', '/root/ask.py', self.url, word).stdout

    def other_main_pid(self, pid):
        """Waits for the unit to be active again with another main process."""
        self.machine.until('sh', '-c', '[ "$(systemctl show --value -p MainPID %s)" != %s ] && systemctl is-active %s' % (UNIT, pid, UNIT))

    def configure(self, text):
        """Another nova.conf for this test."""
        self.addCleanup(self.machine.write, '/etc/nova/nova.conf', CONF)
        self.machine.write('/etc/nova/nova.conf', text)

    def drop_in(self, text):
        path = '/etc/systemd/system/nova-compute.service.d/test.conf'
        self.machine.write(path, text)
        self.machine.run('systemctl', 'daemon-reload')
        self.addCleanup(self.machine.run, 'sh', '-c', 'rm -f %s; systemctl daemon-reload; systemctl restart %s' % (path, UNIT))

    def journal(self, *arguments):
        return self.machine.run('journalctl', '-q', '--no-pager', '-u', UNIT, *arguments).stdout

    def test_the_package_brings_what_the_system_needs_and_leaves_the_configuration(self):
        m = self.machine
        self.assertEqual(self.conf, 'root:nova 640\n' + CONF)
        self.assertEqual(m.run('systemctl', 'is-enabled', UNIT).stdout, 'enabled\n')
        self.assertEqual(m.run('id', '-u', 'nova').stdout, '64060\n')
        self.assertIn('libvirt', m.run('id', '-Gn', 'nova').stdout.split())
        self.assertEqual(m.run('dpkg', '--verify', 'nova-compute-native').stdout, '')
        self.assertEqual(m.run('dpkg-query', '-W', '-f', '${Conffiles}', 'nova-compute-native').stdout, '')
        self.assertIn(MESSAGE_DRIFT, m.run('journalctl', '--list-catalog').stdout)

    # checklist: 78, 79
    def test_start_makes_it_active_and_says_so(self):
        self.assertEqual(self.show('ActiveState'), 'active')
        self.assertEqual(self.show('Type'), 'notify')
        self.machine.until('systemctl', 'show', '--value', '-p', 'StatusText', UNIT, match='^Running on host cell-host')
        self.assertIn('Running on host cell-host', self.machine.run('systemctl', 'status', '--no-pager', UNIT).stdout)
        self.assertRegex(self.journal('-o', 'cat'), r'Starting compute node \(version ')
        self.assertEqual(self.machine.run('ps', '-o', 'user=', '-p', self.show('MainPID')).stdout.strip(), 'nova')
        self.assertEqual(self.machine.run('readlink', '/proc/%s/exe' % self.show('MainPID')).stdout.strip(), '/usr/bin/nova-compute')

    def test_answers_the_real_client_with_the_url_from_a_credential(self):
        self.assertNotIn('transport_url', CONF)
        self.assertIn("'arg': 'hello'", self.ask('hello'))

    def test_busctl_shows_and_polkit_decides(self):
        self.assertIn(BUS_PATH, self.machine.run('busctl', 'tree', '--list', BUS_NAME).stdout)
        self.assertIn('ReportState', self.machine.run('busctl', 'introspect', BUS_NAME, BUS_PATH).stdout)
        self.assertEqual(self.get('Host'), 'cell-host')
        before = self.get('ReportCount')
        self.bus(*REPORT, user='alice')
        self.assertGreater(self.get('ReportCount'), before)
        refused = self.bus(*REPORT, user='bob', check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertRegex(refused.stderr.lower(), 'access denied|authentication|not authorized')

    def test_monitor_sees_the_reports(self):
        done = self.machine.run('timeout', '--preserve-status', '-s', 'INT', '6', 'busctl', 'monitor', '--json=short', BUS_NAME, check=False)
        self.assertIn('ReportCount', done.stdout)

    def test_reload_takes_over_the_level_and_keeps_consuming(self):
        pid = self.show('MainPID')
        self.configure(CONF.replace('[DEFAULT]', '[DEFAULT]\ndebug = true'))
        self.machine.run('systemctl', 'reload', UNIT)
        self.machine.until('systemctl', 'service-log-level', UNIT, match='debug')
        self.assertIn('configuration reloaded', self.journal('-o', 'cat'))
        self.assertEqual(self.show('MainPID'), pid)
        self.assertIn("'arg': 'again'", self.ask('again'))
        self.machine.write('/etc/nova/nova.conf', CONF)
        self.machine.run('systemctl', 'reload', UNIT)
        self.machine.until('systemctl', 'service-log-level', UNIT, match='info')

    def test_a_bad_reload_keeps_the_former_configuration(self):
        self.configure(CONF.replace('report_interval = 2', 'report_interval = often'))
        self.machine.run('systemctl', 'reload', UNIT, check=False)
        self.machine.until('journalctl', '-q', '-u', UNIT, '-o', 'cat', match='not reloaded.*nova.conf.*report_interval.*often')
        self.assertEqual(self.show('ActiveState'), 'active')

    def test_a_wrong_value_ends_the_start_with_78_and_no_restart_loop(self):
        self.machine.run('systemctl', 'stop', UNIT)
        self.configure(CONF.replace('report_interval = 2', 'report_interval = often'))
        self.assertNotEqual(self.machine.run('systemctl', 'start', UNIT, check=False).returncode, 0)
        self.assertEqual(self.show('ExecMainStatus'), '78')
        self.assertEqual(self.show('ActiveState'), 'failed')
        self.assertEqual(self.show('NRestarts'), '0')
        self.assertRegex(self.journal('-o', 'cat', '-n', '5'), r'/etc/nova/nova\.conf:\d+.*report_interval.*often')

    def test_restart_and_stop_are_quick_and_clean(self):
        self.machine.run('systemctl', 'restart', UNIT)
        self.assertEqual(self.show('ActiveState'), 'active')
        began = time.monotonic()
        self.machine.run('systemctl', 'stop', UNIT)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(self.show('Result'), 'success')
        self.assertEqual(self.show('ExecMainStatus'), '0')
        listed = self.machine.run('rabbitmqctl', '-q', 'list_queues', 'name', 'consumers').stdout
        self.assertRegex(listed, r'compute\.cell-host\s+0')
        self.assertNotIn('compute_fanout', listed)

    def test_sigkill_is_followed_by_a_restart(self):
        pid = self.show('MainPID')
        self.machine.run('systemctl', 'kill', '--kill-whom=main', '-s', 'KILL', UNIT)
        self.other_main_pid(pid)
        self.assertIn("'arg': 'back'", self.ask('back'))

    def test_a_hung_loop_is_ended_by_the_watchdog(self):
        self.drop_in('[Service]\nWatchdogSec=2\n')
        self.machine.run('systemctl', 'restart', UNIT)
        pid = self.show('MainPID')
        self.machine.run('kill', '-STOP', pid)
        self.other_main_pid(pid)
        self.assertIn('watchdog', self.journal('-n', '40').lower())

    def test_a_late_broker_does_not_fail_the_start(self):
        self.machine.run('systemctl', 'stop', UNIT)
        self.machine.run('systemctl', 'stop', 'rabbitmq-server')
        try:
            self.machine.run('systemctl', 'start', UNIT)
            self.assertEqual(self.show('ActiveState'), 'active')
            self.assertRegex(self.show('StatusText'), r'127\.0\.0\.1:5672')
            self.assertIn(self.get('BrokerState'), ('waiting', 'connecting'))
        finally:
            self.machine.run('systemctl', 'start', 'rabbitmq-server', timeout=120)
        self.machine.until('systemctl', 'show', '--value', '-p', 'StatusText', UNIT, match='^Running', seconds=60)
        self.assertEqual(self.get('BrokerState'), 'connected')
        self.assertIn("'arg': 'late'", self.ask('late'))

    def test_the_bus_activates_a_stopped_unit(self):
        self.machine.run('systemctl', 'stop', UNIT)
        self.assertEqual(self.get('Host'), 'cell-host')         # answered before the start is over
        self.machine.until('systemctl', 'is-active', UNIT)

    def test_the_journal_has_fields_and_the_catalog_explains(self):
        lines = [json.loads(line) for line in self.journal('-o', 'json').splitlines()]
        marked = [line for line in lines if line.get('MESSAGE_ID') and line.get('SYSLOG_IDENTIFIER') == 'nova-compute']
        self.assertTrue(marked)
        explained = self.machine.run('journalctl', '-q', '--no-pager', '-x', 'MESSAGE_ID=' + marked[0]['MESSAGE_ID'], '-n', '1').stdout
        self.assertIn('Subject:', explained)

    def test_no_password_is_in_the_journal(self):
        self.machine.run('systemctl', 'restart', UNIT)
        self.assertNotIn(PASSWORD, self.journal('-o', 'export', '-a'))

    def test_the_sandbox_holds(self):
        report = self.machine.run('systemd-analyze', 'security', '--no-pager', UNIT, check=False).stdout
        score = float(re.search(r'exposure level for \S+: ([0-9.]+)', report).group(1))
        self.assertLessEqual(score, 2.5, report)
        pid = self.show('MainPID')
        for path in ('/etc/written', '/run/written', '/usr/written', '/home/written'):
            done = self.machine.run('nsenter', '-t', pid, '-m', 'touch', path, check=False)
            self.assertNotEqual(done.returncode, 0, path)
        # The network's administration, its low ports and raw sockets: no more, also not to be had.
        status = self.machine.run('cat', '/proc/%s/status' % pid).stdout
        for which in ('CapBnd', 'CapEff', 'CapAmb'):
            self.assertEqual(int(re.search(r'(?m)^%s:\s*(\S+)' % which, status).group(1), 16), 1 << 10 | 1 << 12 | 1 << 13, which)

    def test_the_networks_of_instances_are_made_by_the_user_nova(self):
        """An instance with an interface stands in the database: at its start the daemon makes the bridge and has DHCP answered."""
        network = 'd921059f-5698-5cf5-92e0-b8619736caa3'        # made of the name
        vif, uuid = '6f9e2a10-0000-4000-8000-0000000000a1', '6f9e2a10-0000-4000-8000-0000000000b1'
        info = json.dumps([{'id': vif, 'network': {'id': network}}])
        now = "'2026-11-27 00:00:00.000000'"
        self.configure(CONF.replace('report_interval', 'network = name=private,cidr=10.77.0.0/24,dhcp=yes,bridge=br-sys\nreport_interval'))
        self.machine.run('systemctl', 'stop', UNIT)
        self.machine.run('runuser', '-u', 'nova', '--', 'sqlite3', '/var/lib/nova/nova.sqlite',
                         "INSERT INTO instances (id, uuid, host, vm_state, network_info, created_at) VALUES (77, '%s', 'cell-host',"
                         " 'active', '%s', %s);"
                         "INSERT INTO virtual_interfaces (id, uuid, address, instance_uuid, network_id, created_at) VALUES"
                         " (77, '%s', 'fa:16:3e:00:00:77', '%s', '%s', %s);"
                         "INSERT INTO fixed_ips (address, network_id, virtual_interface_id, created_at) VALUES ('10.77.0.2', '%s', 77, %s);"
                         % (uuid, info, now, vif, uuid, network, now, network, now))
        self.machine.run('systemctl', 'start', UNIT)
        self.machine.until('ip', '-o', 'address', 'show', 'br-sys', match=r'10\.77\.0\.1/24')
        self.machine.until('pgrep', '-u', 'nova', '-x', 'dnsmasq')
        pid = self.machine.run('pgrep', '-x', 'dnsmasq').stdout.strip()
        self.assertEqual(self.machine.run('cat', '/var/lib/nova/networks/%s.hosts' % network).stdout, 'fa:16:3e:00:00:77,10.77.0.2\n')
        self.assertIn(':67 ', self.machine.run('ss', '-Hlun').stdout)
        # It is not the service's main process: a restart leaves it, and goes on with it.
        self.machine.run('systemctl', 'restart', UNIT)
        self.machine.until('systemctl', 'show', '--value', '-p', 'StatusText', UNIT, match='^Running on host cell-host')
        self.assertEqual(self.machine.run('pgrep', '-x', 'dnsmasq').stdout.strip(), pid)
        # The instance is gone: what it had is given back, and nobody answers any more.
        self.machine.run('systemctl', 'stop', UNIT)
        self.machine.run('runuser', '-u', 'nova', '--', 'sqlite3', '/var/lib/nova/nova.sqlite', "DELETE FROM instances WHERE id = 77")
        self.machine.run('systemctl', 'start', UNIT)
        self.machine.until('systemctl', 'show', '--value', '-p', 'StatusText', UNIT, match='^Running on host cell-host')
        # at the first tick, up to a minute away; or when asked
        self.machine.run('busctl', 'call', 'org.nova.Compute1', '/org/nova/Compute1', 'org.nova.Compute1.Service', 'RunPeriodicTask', 'sa{sv}',
                         '_cleanup_running_deleted_instances', '0')
        self.machine.until('sh', '-c', '! pgrep -x dnsmasq')
        self.assertIn('which is gone: it is given back', self.journal('-o', 'cat'))

    def test_the_metrics_are_read_by_anybody(self):
        ask = ("import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/nova-compute/metrics'); "
               "s.sendall(b'GET /metrics HTTP/1.0\\r\\n\\r\\n'); f = s.makefile(); print(f.read())")
        self.machine.run('systemctl', 'start', UNIT)
        for when in ('started', 'restarted'):
            answer = self.machine.until('/usr/bin/python3', '-c', ask, match='# EOF')
            self.assertRegex(answer, r'^HTTP/1\.[01] 200 ', when)
            self.machine.run('systemctl', 'restart', UNIT)
        for _ in range(5):              # as quickly as it goes
            self.machine.run('systemctl', 'restart', UNIT)
        self.machine.until('/usr/bin/python3', '-c', ask, match='# EOF')
        self.assertIn('# EOF', self.machine.run('/usr/bin/python3', '-c', ask, user='bob').stdout)
        self.assertEqual(self.show('ActiveState', 'nova-compute-metrics.socket'), 'active')
        self.machine.run('systemctl', 'kill', '--kill-whom=main', '-s', 'KILL', UNIT)
        self.machine.until('/usr/bin/python3', '-c', ask, match='# EOF')
        self.machine.run('systemctl', 'stop', UNIT)
        self.machine.until('sh', '-c', '! systemctl is-active nova-compute-metrics.socket')

    def test_the_daemon_gives_up_before_systemd_does(self):
        shown = self.machine.run('nova-compute', '--show-config').stdout
        limit = int(re.search(r'(?m)^stop_timeout *= *(\d+)', shown).group(1))
        unit = json.loads(self.bus('call', 'org.freedesktop.systemd1', '/org/freedesktop/systemd1',
                                   'org.freedesktop.systemd1.Manager', 'GetUnit', 's', UNIT).stdout)['data'][0]
        stop = json.loads(self.bus('get-property', 'org.freedesktop.systemd1', unit, 'org.freedesktop.systemd1.Service',
                                   'TimeoutStopUSec').stdout)['data']
        self.assertLess(limit * 1000000, stop)

    def test_libvirt_of_the_system_is_reached_by_the_user_nova(self):
        self.machine.run('systemctl', 'start', 'libvirtd', check=False)
        if self.machine.run('virsh', '-c', 'qemu:///system', 'version', check=False).returncode:
            self.skipTest('libvirtd with qemu does not run in this container')
        self.configure(CONF.replace('test:///default', 'qemu:///system'))
        self.addCleanup(self.machine.run, 'systemctl', 'stop', UNIT)
        self.machine.run('systemctl', 'restart', UNIT)
        self.machine.until('systemctl', 'show', '--value', '-p', 'StatusText', UNIT, match='^Running')
        self.assertEqual(self.get('HypervisorType', 'Node'), 'QEMU')


if __name__ == '__main__':
    unittest.main()
