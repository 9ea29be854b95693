"""The host as a machine: an emulated guest under the hardened unit, its story in the journal, the metrics' socket, and what becomes
of it when a real logind takes the machine down and it boots again."""
import contextlib
import glob
import json
import os
import re
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import bootguest  # noqa: E402
import container  # noqa: E402
import debian  # noqa: E402
from novatest import BUS_NAME, BUS_PATH, SOURCE  # noqa: E402

UNIT, SOCKET = 'nova-compute.service', 'nova-compute-metrics.socket'
CONF = """[DEFAULT]
host = node1
my_ip = 127.0.0.1
transport_url = rabbit://nova:secret@127.0.0.1:5672/
compute_driver = libvirt.LibvirtDriver
resume_guests_state_on_host_boot = true
[libvirt]
virt_type = qemu
"""
# What Nova's own client asks for; each step waits for its end.
CLIENT = """
import sys
sys.path.insert(0, '/root')
from computeclient import Cloud
cloud = Cloud('rabbit://nova:secret@127.0.0.1:5672/', host='node1', database='/var/lib/nova/nova.sqlite', timeout=60)
context = cloud.context(request_id=sys.argv[2]) if len(sys.argv) > 2 else None
if sys.argv[1] == 'build':
    guest = cloud.build(image='tiny', image_fields={'disk_format': 'raw'}, display_name='first', context=context)
    cloud.wait(guest, 'active', seconds=120)
    cloud.wait_console(guest, 'boot 1')
    print(guest.uuid)
elif sys.argv[1] == 'stop':
    cloud.stop(sys.argv[3], context=context)
    cloud.wait(sys.argv[3], 'stopped', seconds=120)
elif sys.argv[1] == 'start':
    cloud.start(sys.argv[3], context=context)
    cloud.wait(sys.argv[3], 'active', seconds=120)
"""
READ = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect('/run/nova-compute/metrics')
s.send(b'GET /metrics HTTP/1.0\\r\\n\\r\\n')
sys.stdout.write(b''.join(iter(lambda: s.recv(65536), b'')).decode())
"""
STOP_REQUEST, START_REQUEST = 'req-6b1fb1fa-0000-4000-8000-000000000001', 'req-6b1fb1fa-0000-4000-8000-000000000002'


class Host(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        bootguest.needs()
        deb = debian.package()
        cls.machine = m = container.with_guests(cls)
        m.write('/etc/nova/nova.conf', CONF)
        debian.install(m, deb)
        m.write('/root/client.py', CLIENT)
        m.write('/root/read.py', READ)
        m.run('chmod', '755', '/root')          # for bob
        m.put(os.path.join(SOURCE, 'tests', 'lib', 'computeclient.py'), '/root/computeclient.py')
        m.put(bootguest.BOOT, '/root/boot.bin')
        m.run('install', '-o', 'nova', '-g', 'nova', '-D', '-m', '0644', '/root/boot.bin', '/var/lib/nova/images/tiny')
        m.until('rabbitmqctl', 'await_startup', seconds=120)
        m.run('rabbitmqctl', 'add_user', 'nova', 'secret')
        m.run('rabbitmqctl', 'set_permissions', 'nova', '.*', '.*', '.*')
        m.run('systemctl', 'restart', UNIT)
        m.until('systemctl', 'show', '--value', '-p', 'StatusText', UNIT, match='^Running on host node1')
        cls.uuid = cls.client('build')

    @classmethod
    def client(cls, *arguments):
        done = cls.machine.run('python3', '/root/client.py', *arguments, timeout=300, check=False)
        if done.returncode:
            raise AssertionError('%s: %s%s' % (' '.join(arguments), done.stderr[-3000:],
                                              cls.machine.run('journalctl', '-u', UNIT, '-n', '40', '--no-pager').stdout))
        return done.stdout.strip().split('\n')[-1]

    def states(self, *units):
        return self.machine.run('systemctl', 'is-active', *units, check=False).stdout.split()

    def read(self, user=None, check=True):
        return self.machine.run('python3', '/root/read.py', user=user, check=check)

    def journal(self, *arguments):
        """Entries, as journalctl has them for programs."""
        lines = self.machine.run('journalctl', '-q', '--no-pager', '-o', 'json', *arguments).stdout
        return [json.loads(line) for line in lines.split('\n') if line]

    def console(self):
        return self.machine.run('cat', '/var/lib/nova/instances/%s/console.log' % self.uuid).stdout

    def test_1_a_guest_runs_and_the_unit_is_hardened(self):
        self.assertIn('guest: boot 1', self.console())
        report = self.machine.run('systemd-analyze', 'security', '--no-pager', UNIT, check=False).stdout
        score = float(re.search(r'exposure level for \S+: ([0-9.]+)', report).group(1))
        self.assertLessEqual(score, 2.5, report)
        # the guest is libvirt's, not in the unit's control group, and what the daemon is kept from it is kept from
        self.assertIn('running', self.machine.run('virsh', 'domstate', self.uuid).stdout)
        pid = self.machine.run('systemctl', 'show', '--value', '-p', 'MainPID', UNIT).stdout.strip()
        group = self.machine.run('systemctl', 'show', '--value', '-p', 'ControlGroup', UNIT).stdout.strip()
        self.assertEqual(self.machine.run('cat', '/sys/fs/cgroup%s/cgroup.procs' % group).stdout.split(), [pid])
        self.assertEqual(self.machine.run('sed', '-n', 's/^Seccomp:\\t//p', '/proc/%s/status' % pid).stdout.strip(), '2')

    def test_2_the_metrics_are_there_while_the_service_is(self):
        self.assertEqual(self.states(UNIT, SOCKET), ['active', 'active'])
        for user in (None, 'bob'):
            text = self.read(user).stdout
            self.assertIn('application/openmetrics-text; version=1.0.0', text)
            self.assertIn('\nnova_compute_instances{vm_state="active"} 1\n', text)
            self.assertIn('\nnova_compute_driver_call_duration_seconds_count{function="spawn"} 1\n', text)
            self.assertTrue(text.endswith('\n# EOF\n'))
        [text] = json.loads(self.machine.run('busctl', '--json=short', 'call', BUS_NAME, BUS_PATH, BUS_NAME + '.Manager', 'GetMetrics').stdout)['data']
        self.assertIn('\nnova_compute_instances{vm_state="active"} 1\n', text)
        # killed, it comes back with its socket
        self.machine.run('systemctl', 'kill', '-s', 'KILL', UNIT)
        self.machine.until('systemctl', 'show', '--value', '-p', 'NRestarts', UNIT, match='^1')
        self.machine.until('systemctl', 'is-active', UNIT)
        self.assertIn('# EOF', self.machine.until('python3', '/root/read.py'))
        # stopped, it stays so: who reads does not start it
        self.machine.run('systemctl', 'stop', UNIT)
        self.machine.until('sh', '-c', '! systemctl is-active ' + SOCKET)
        self.assertNotEqual(self.read(check=False).returncode, 0)
        self.assertEqual(self.states(UNIT, SOCKET), ['inactive', 'inactive'])
        # without the socket all else goes on
        self.machine.run('systemctl', 'mask', SOCKET)
        self.machine.run('systemctl', 'start', UNIT)
        self.assertEqual(self.states(UNIT), ['active'])
        self.assertNotEqual(self.read(check=False).returncode, 0)
        self.machine.run('systemctl', 'unmask', SOCKET)
        self.machine.run('systemctl', 'restart', UNIT)
        self.assertIn('# EOF', self.machine.until('python3', '/root/read.py'))
        self.assertIn('running', self.machine.run('virsh', 'domstate', self.uuid).stdout)

    def test_3_the_journal_tells_the_story_of_a_guest_and_of_a_request(self):
        self.client('stop', STOP_REQUEST, self.uuid)
        self.client('start', START_REQUEST, self.uuid)
        self.machine.run('journalctl', '--sync')
        story = self.journal('INSTANCE_UUID=' + self.uuid, '_SYSTEMD_UNIT=' + UNIT)
        texts = [e['MESSAGE'] for e in story]
        expected = [r'build_and_run_instance begins \(by RPC\)', 'build_and_run_instance is done', 'stop_instance begins', 'stop_instance is done',
                    'start_instance begins', 'start_instance is done']
        at = -1
        for pattern in expected:        # in this order
            at = next((n for n in range(at + 1, len(texts)) if re.search(pattern, texts[n])), None)
            self.assertIsNotNone(at, '%s: %s' % (pattern, texts))
        for e in story:
            self.assertEqual(e['SYSLOG_IDENTIFIER'], 'nova-compute')
            self.assertRegex(e.get('OPERATION', ''), r'^\w+$', e['MESSAGE'])
        for request, method in ((STOP_REQUEST, 'stop_instance'), (START_REQUEST, 'start_instance')):
            told = self.journal('REQUEST_ID=' + request)
            self.assertGreaterEqual(len(told), 2, request)
            self.assertEqual({e['INSTANCE_UUID'] for e in told}, {self.uuid})
            self.assertEqual({e['OPERATION'] for e in told}, {method})
            self.assertEqual({(e['USER_ID'], e['PROJECT_ID']) for e in told}, {('demo', 'demo')})
        # each with a MESSAGE_ID has its explanation
        explained = self.machine.run('journalctl', '-q', '--no-pager', '-x', 'REQUEST_ID=' + STOP_REQUEST).stdout
        self.assertIn('Subject: A request that changes an instance is done', explained)
        self.assertIn('Nothing needs to be done.', explained)
        with open(os.path.join(SOURCE, 'src', 'basic', 'message-id.h'), encoding='utf-8') as f:
            ids = re.findall(r'^#define MESSAGE_\w+ "(\w+)"', f.read(), re.M)
        listed = self.machine.run('journalctl', '--list-catalog', '--no-pager', *ids).stdout
        self.assertEqual(len(re.findall(r'^\w{32} nova-compute: ', listed, re.M)), len(ids), listed)

    def test_4_guests_go_down_with_the_host_and_come_back(self):
        m = self.machine
        inhibitors = m.run('systemd-inhibit', '--list', '--no-pager', '--no-legend').stdout
        self.assertRegex(inhibitors, r'nova-compute +\d+ nova +\d+ nova-compute +shutdown +Guests are shut down with the host +delay')
        limit = m.run('busctl', 'get-property', 'org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager',
                      'InhibitDelayMaxUSec').stdout
        self.assertEqual(limit, 't 120000000\n')        # the package's file for logind is in force
        # the option lets the lock go, and takes it again
        m.write('/etc/nova/nova.conf', CONF.replace('resume_guests', 'host_shutdown_guests = leave\nresume_guests'))
        m.run('systemctl', 'reload', UNIT)
        m.until('sh', '-c', '! systemd-inhibit --list --no-pager | grep nova-compute')
        m.write('/etc/nova/nova.conf', CONF)
        m.run('systemctl', 'reload', UNIT)
        m.until('sh', '-c', 'systemd-inhibit --list --no-pager | grep nova-compute')
        boots = self.console().count('power button')

        m.run('busctl', 'call', 'org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager', 'Reboot', 'b', 'false')
        m.wait_down(120)
        upper = os.path.join(m.folder, 'upper')
        with open(os.path.join(upper, 'var/lib/nova/instances', self.uuid, 'console.log'), encoding='ascii', errors='replace') as f:
            self.assertEqual(f.read().count('guest: power button'), boots + 1)
        [journal] = glob.glob(os.path.join(upper, 'var/log/journal/*'))
        lines = subprocess.run(['journalctl', '-q', '--no-pager', '-o', 'cat', '-D', journal], stdout=subprocess.PIPE, text=True, check=True).stdout.split('\n')

        def at(pattern):
            found = [n for n, line in enumerate(lines) if re.search(pattern, line)]
            self.assertTrue(found, '%s is not in: %s' % (pattern, '\n'.join(lines[-80:])))
            return found[-1]
        # asked, off, and only then the machine goes on
        self.assertLess(at('The host goes down: guests are shut down'), at('Instance %s: its guest is shut down, as the host goes down' % self.uuid))
        self.assertLess(at('Instance %s: its guest is shut down' % self.uuid), at('No guest that was to be shut down runs any more'))
        self.assertLess(at('No guest that was to be shut down runs any more'), at(r'Stopping nova-compute\.service'))
        self.assertFalse([line for line in lines if 'are not shut down' in line or 'stopping it' in line])

        # All of a container's boots have the kernel's one id in a unit with ProtectKernelTunables=: the one remembered is made another.
        with contextlib.closing(sqlite3.connect(os.path.join(upper, 'var/lib/nova/nova.sqlite'), isolation_level=None)) as db:
            self.assertEqual(db.execute('SELECT vm_state, task_state, power_state FROM instances WHERE uuid = ?', (self.uuid,)).fetchall(),
                             [('active', None, 1)])
            db.execute("UPDATE settings SET value = '00000000-0000-4000-8000-000000000000' WHERE name = 'boot_id'")

        # resume_guests_state_on_host_boot
        m.boot_again(120)
        m.until('virsh', 'domstate', self.uuid, match='running', seconds=60)
        m.until('grep', 'guest: boot', '/var/lib/nova/instances/%s/console.log' % self.uuid, seconds=60)        # begun anew at each start
        self.assertTrue([e for e in self.journal('-b', 'INSTANCE_UUID=' + self.uuid) if 'Rebooting instance' in e['MESSAGE']])


if __name__ == '__main__':
    unittest.main()
