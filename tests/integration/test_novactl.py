"""novactl against the daemon on a real bus with the real polkitd: alice may do all (bus.rules), bob next to nothing. Of the service and
its host; and where nobody answers."""
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from novactlclient import NOVACTL, environment, json_of, run, takes_signal  # noqa: E402
from novactlhost import DENIED, DONE, ESCAPE, FAILED, NO_SUCH, OFFLINE, UNREACHABLE, USAGE, NovactlTest, OnGuests  # noqa: E402
from wireclient import eventually  # noqa: E402


class Host(NovactlTest):
    """The service and its host."""

    def test_status_shows_how_the_host_is(self):
        text = self.ok('status')
        self.assertRegex(text, r'\A● testhost - nova-compute \S+\n')
        for pattern in (r'\n +State: running\n', r'\n +Scheduling: enabled\n', r'\n +Broker: connected \(127\.0\.0\.1:\d+\)\n',
                        r'\n +Hypervisor: fake ', r'\n +vCPUs: ░+ 0 of 64 used\n', r'\n +Memory: ░+ 512 MiB of 64 GiB used',
                        r'\n +Instances: 0\n', r'\n +Jobs: \d+\n', r'\n +Reported: \w+ 20\d\d-\d\d-\d\d '):
            self.assertRegex(text, pattern)
        self.assertNotIn('Trouble', text)
        self.assertNotIn(ESCAPE, text)
        told = json_of('status')
        self.assertEqual((told['service']['Host'], told['node']['VCPUs'], told['manager']['NInstances']), ('testhost', 64, 0))

    def test_node_equals_what_the_bus_says(self):
        node = json_of('node', user='bob')
        self.assertEqual(node, self.bus('bob').all('org.nova.Compute1.Node') | {'SupportedInstances': [['x86_64', 'fake', 'hvm']]})
        self.assertRegex(self.ok('node'), r'\Atesthost\n +Uuid: [0-9a-f-]{36}\n')

    def test_show_prints_every_property_as_a_line(self):
        lines = dict(line.split('=', 1) for line in self.ok('show').splitlines())
        bus = self.bus()
        for interface in ('Service', 'Manager', 'Node'):
            self.assertLessEqual(set(bus.all('org.nova.Compute1.' + interface)), set(lines))
        self.assertEqual((lines['Host'], lines['Enabled'], lines['VCPUs'], lines['Queues']),
                         ('testhost', 'yes', '64', ' '.join(bus.get('Queues'))))
        self.assertEqual(self.ok('show', '-p', 'Host', '--property=VCPUs'), 'Host=testhost\nVCPUs=64\n')
        self.assertEqual(self.ok('show', '--value', '-p', 'VCPUs'), '64\n')
        self.assertEqual(json_of('show', '-p', 'VCPUs'), {'VCPUs': 64})
        self.refused(USAGE, '--property=Vcpus: there is no such property', 'show', '-p', 'Vcpus')

    def test_disable_keeps_the_reason_and_is_no_ill_health(self):
        self.assertEqual(self.ok('is-online'), 'online\n')
        self.assertEqual(self.ok('disable', 'new', 'disk', 'controller'), '')
        self.addCleanup(run, 'enable')
        self.assertRegex(self.ok('status'), r'\n +Scheduling: disabled: new disk controller\n')
        self.assertEqual(self.ok('is-online'), 'online, disabled: new disk controller\n')
        self.assertEqual(json_of('is-online'), {'online': True, 'enabled': False, 'reason': ''})
        self.assertEqual(self.ok('enable'), '')
        self.assertTrue(self.bus().get('Enabled'))
        self.refused(FAILED, r'The reason has 300 characters, at most 255 are kept', 'disable', 'x' * 300)

    def test_report_and_update_reach_the_daemon(self):
        before = json_of('show', '-p', 'ReportCount', '-p', 'UpdatedUSec')
        self.ok('report-state')
        self.ok('update-resources')
        after = json_of('show', '-p', 'ReportCount', '-p', 'UpdatedUSec')
        self.assertGreater(after['ReportCount'], before['ReportCount'])
        self.assertGreater(after['UpdatedUSec'], before['UpdatedUSec'])
        self.assertEqual(json_of('report-state'), {'result': 'done'})

    def test_who_may_not_is_told_so_with_a_status_of_its_own(self):
        for arguments in (['report-state'], ['disable', 'x'], ['service', 'stop'], ['recover', '--dry-run']):
            self.refused(DENIED, 'not authorized|Access denied|authentication', *arguments, user='bob')
        self.assertTrue(self.bus().get('Enabled'))

    def test_mistakes_on_the_command_line(self):
        self.refused(USAGE, "unknown verb 'strat'; did you mean 'start'", 'strat')
        self.refused(USAGE, "'is-online' takes no arguments", 'is-online', 'x')
        self.refused(USAGE, "service: 'restart' is not start, stop or reload", 'service', 'restart')
        self.refused(USAGE, r"cancel: 'x\\x1b' is no number of a job", 'cancel', 'x\x1b')
        for verb in 'cancel', 'show':
            self.refused(NO_SUCH, r"\Anovactl: no job 999999; 'novactl jobs' shows those that have not ended\n\Z", verb, '999999')
        self.refused(NO_SUCH, "no instance 'web1'; 'novactl list' shows them", 'start', 'web1')
        self.refused(NO_SUCH, r"'\\xff' is no name", 'start', b'\xff')
        self.refused(USAGE, 'create needs --image', 'create', 'web1')
        self.refused(USAGE, 'create needs --flavor=FLAVOR, or --vcpus=', 'create', 'web1', '--image=x', '--vcpus=1')

    def test_help_version_and_empty_lists(self):
        self.assertRegex(self.ok('help'), r'\Anovactl \[OPTIONS…\] VERB …\n')
        self.assertEqual(self.ok('help', 'stop'), self.ok('stop', '--help'))
        version = self.bus().get('Version')
        self.assertEqual(self.ok('version'), 'novactl %s\nnova-compute %s\n' % (version, version))
        self.assertEqual(self.ok('list'), 'No instances.\n')
        self.assertEqual(self.ok('list', 'web*'), 'No such instances.\n')
        self.assertEqual(self.ok('list', '--no-legend'), '')
        self.assertEqual(self.ok(), self.ok('list'))
        self.assertEqual(self.ok('stalled'), 'No operation is beyond its deadline.\n')
        self.assertEqual(self.ok('images'), 'No images in the image directory.\n')
        self.assertEqual(self.ok('recover', '--dry-run'), 'Nothing to recover: every operation has ended.\n')
        for verb in ('list', 'drift', 'stalled', 'images', 'networks'):
            self.assertEqual(json_of(verb), [])
        for mode, text in (('pretty', '[]\n'), ('short', '[]\n'), ('off', 'No instances.\n')):
            self.assertEqual(self.ok('list', '--json=' + mode), text)

    def test_each_way_to_the_same(self):
        self.assertEqual(self.ok('--version'), self.ok('version'))
        version = self.bus().get('Version')
        self.assertEqual(json_of('version'), {'novactl': version, 'nova-compute': version})
        self.assertEqual(self.ok('--json=help'), 'pretty\nshort\noff\n')
        self.refused(USAGE, "there is no verb 'lits'; 'novactl help' lists them", 'help', 'lits')
        self.refused(USAGE, "unknown option '--hots=x'; did you mean '--host'?", '--hots=x')
        self.refused(USAGE, "too few arguments: novactl start INSTANCE…", 'start')
        self.refused(USAGE, "'list' takes no --hard; it is an option of: reboot", 'list', '--hard')
        self.refused(USAGE, '--lines=x: it is a number of lines', 'status', '-nx')
        self.refused(USAGE, 'disable: the reason is no UTF-8 text', 'disable', b'\xff')
        self.assertEqual(self.ok('recover'), '')
        self.assertEqual(self.ok('-q', 'recover', '--no-block'), '')
        self.assertRegex(self.ok('recover', '--no-block'), r'\Arecovering: job \d+\n\Z')
        [job] = json_of('recover', '--no-block')
        self.assertEqual((job['verb'], job['instance'], job['result']), ('recover', '', None))
        eventually(lambda: not json_of('jobs'))

    def test_drift_is_listed_and_told_of(self):
        folder = os.path.join(self.daemon.state, 'instances', str(uuid.uuid4()))
        os.makedirs(folder)
        self.addCleanup(shutil.rmtree, folder, True)
        self.ok('recover')
        [finding] = eventually(lambda: json_of('drift'), what='the finding')
        self.assertIn(os.path.basename(folder), finding['name'] + finding['sentence'])
        self.assertRegex(self.ok('drift'), r'\AKIND +NAME +AGE FINDING\n%s +%s .*\n\n1 finding listed\.\n\Z' % (finding['kind'], finding['name']))
        self.assertRegex(self.ok('status'), r"\n +Drift: 1 finding; 'novactl drift' lists it\n")
        os.rmdir(folder)
        self.ok('recover')
        eventually(lambda: not json_of('drift'), what='no finding')
        self.assertNotIn('Drift', self.ok('status'))

    def test_metrics_are_those_of_the_bus(self):
        text = self.ok('metrics', user='bob')
        self.assertRegex(text, r'# EOF\n\Z')
        self.assertIn('# TYPE ', text)

    def test_a_full_disk_is_no_success(self):
        with open('/dev/full', 'w', encoding='utf-8') as full:
            done = subprocess.run([NOVACTL, 'show'], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment())
        self.assertEqual((done.returncode, done.stderr), (FAILED, 'novactl: not all could be written\n'))


def json_of_offline():
    """What is-online says, although its exit status is no 0."""
    return json.loads(run('is-online', '--json=short').stdout)


class Service(NovactlTest):
    """Of a service that stops and goes."""

    def in_its_place(self, other):
        """Another daemon for this test."""
        self.daemon.stop()
        self.addCleanup(self.daemon.start)
        self.addCleanup(other.kill)
        other.launch()

    def test_stop_start_and_reload(self):
        self.assertEqual(self.ok('service', 'stop'), '')
        done = run('is-online')
        self.assertEqual((done.returncode, done.stdout), (OFFLINE, 'offline: stopped\n'))
        self.assertEqual(run('is-online', '--quiet').stdout, '')
        self.refused(FAILED, r'\Anovactl: The state could not be reported: the service is not running\n\Z', 'report-state')
        self.assertEqual(self.ok('service', 'start'), '')
        self.assertEqual(self.ok('service', 'reload'), '')
        eventually(lambda: run('is-online').returncode == DONE)

    def test_a_hypervisor_that_is_away_is_the_reason(self):
        other = self.make('headless', driver='libvirt.LibvirtDriver')
        other.groups['libvirt'] = {'connection_uri': 'qemu+unix:///system?socket=/nonexistent'}
        self.in_its_place(other)
        status = eventually(lambda: (lambda text: 'nonexistent' in text and text)(run('status').stdout), what='the hypervisor in status')
        self.assertEqual(status.count('Failed to connect socket'), 1, status)           # said once
        self.assertRegex(status, r'\n +State: (starting|degraded).*\n +Trouble: .*nonexistent')
        self.assertRegex(status, r'\n +Hypervisor: not connected\n +Resources: not known yet\n')
        self.assertRegex(self.ok('node'), r'\n +Hypervisor: not connected: .*nonexistent.*\n +Resources: not known yet\n')
        done = run('is-online')
        self.assertEqual(done.returncode, OFFLINE)
        self.assertRegex(done.stdout, r'\Aoffline: (starting|degraded): .*nonexistent.*\n\Z')
        self.assertEqual(json_of_offline()['online'], False)

    def test_a_service_that_is_forced_down_is_the_reason(self):
        self.daemon.change('UPDATE services SET forced_down = 1')
        self.addCleanup(self.daemon.change, 'UPDATE services SET forced_down = 0')
        run('report-state')
        done = eventually(lambda: (lambda d: d.returncode == OFFLINE and d)(run('is-online')), what='offline')
        self.assertEqual(done.stdout, 'offline: forced down by an administrator\n')

    def test_a_broker_that_is_away_is_the_reason(self):
        other = self.make('lonely', transport_url='rabbit://nova:x@127.0.0.1:9/')
        self.in_its_place(other)
        other.wait_notified('READY=1')
        done = run('is-online')
        self.assertEqual(done.returncode, OFFLINE)
        self.assertRegex(done.stdout, r'offline: degraded: .*127\.0\.0\.1:9')
        self.assertRegex(self.ok('status'), r'\n +Trouble: .*127\.0\.0\.1:9')


class Away(unittest.TestCase):
    """Nobody on the bus, or no bus."""

    def test_each_verb_says_so_and_starts_nothing(self):
        for arguments in (['list'], ['status'], ['node'], ['start', 'x'], ['console', 'x'], ['metrics'], ['enable']):
            done = run(*arguments)
            self.assertEqual(done.returncode, UNREACHABLE, arguments)
            self.assertRegex(done.stderr, r"\Anovactl: .*not on the system bus; 'systemctl status nova-compute' says more\n\Z")
        done = run('is-online')
        self.assertEqual((done.returncode, done.stdout), (OFFLINE, 'offline: nova-compute does not answer on the system bus\n'))
        self.assertRegex(run('version').stdout, r'nova-compute not running\n\Z')
        done = run('complete', 'instances', 'start')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (UNREACHABLE, '', ''))

    def test_without_a_bus(self):
        nowhere = {'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/nonexistent'}
        done = run('list', env=nowhere)
        self.assertEqual((done.returncode, done.stderr), (UNREACHABLE, 'novactl: cannot connect to the system bus: No such file or directory\n'))
        self.assertEqual(run('is-online', '-q', env=nowhere).returncode, OFFLINE)
        self.assertEqual(run('help', env=nowhere).returncode, DONE)


class Unanswered(OnGuests):
    """A daemon that hangs, a bus that goes."""

    def test_a_daemon_that_hangs_is_offline_within_seconds(self):
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            for arguments, status in (['is-online'], OFFLINE), (['complete', 'instances'], UNREACHABLE):
                began = time.monotonic()
                self.assertEqual(run(*arguments).returncode, status)
                self.assertLess(time.monotonic() - began, 10)
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.assertEqual(run('is-online').returncode, DONE)

    def test_a_bus_that_goes_ends_what_waits(self):
        self.created('web1')
        self.daemon.fault('reboot:hang')
        for arguments, told in ((['console', 'web1'], "console of 'web1': the connection to the bus was lost"),
                                (['monitor'], 'the connection to the bus was lost'),
                                (['reboot', 'web1'], 'the connection to the bus was lost; what was accepted goes on')):
            bus = Forwarder(re.search('path=([^,;]+)', os.environ['DBUS_SYSTEM_BUS_ADDRESS']).group(1))
            waiting = subprocess.Popen([NOVACTL, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                       env=environment(DBUS_SYSTEM_BUS_ADDRESS='unix:path=' + bus.path))
            eventually(lambda: takes_signal(waiting.pid, signal.SIGTERM), what='a process that waits')
            bus.close()
            self.assertEqual((waiting.communicate(timeout=20)[1], waiting.returncode), ('novactl: %s\n' % told, UNREACHABLE))
        self.daemon.fault()
        eventually(lambda: not json_of('jobs'))


class Forwarder:
    """A bus that can be taken away from one caller, root as this."""

    def __init__(self, bus):
        self.folder = tempfile.mkdtemp(prefix='nova-bus.')
        self.path = os.path.join(self.folder, 'bus')
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, args=(bus,))
        self.thread.start()

    def serve(self, bus):
        self.caller = self.listener.accept()[0]
        with self.caller, socket.socket(socket.AF_UNIX) as there:
            there.connect(bus)
            ends = {self.caller: there, there: self.caller}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)

    def close(self):
        self.caller.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        shutil.rmtree(self.folder)


if __name__ == '__main__':
    unittest.main()
