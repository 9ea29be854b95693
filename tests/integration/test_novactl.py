"""novactl against the daemon on a real bus with the real polkitd: alice may do all (bus.rules), bob next to nothing. It is run as a
script would (pipes, JSON, exit statuses) and as a person would (a terminal, colours, a password, Ctrl-C)."""
import crypt
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from novactlclient import NOVACTL, Terminal, as_user, environment, json_of, on_terminal, run  # noqa: E402
from wireclient import OnHost, eventually  # noqa: E402
from novatest import BUILD, SOURCE  # noqa: E402

DONE, FAILED, USAGE, OFFLINE, NO_SUCH, UNREACHABLE, DENIED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130
ESCAPE = '\x1b['


class NovactlTest(OnHost):
    groups = {'fake': {'vcpus': '64', 'memory_mb': '65536', 'local_gb': '4000'}}

    def ok(self, *arguments, **kwargs):
        """Its standard output; it ends well and says nothing else."""
        done = run(*arguments, **kwargs)
        self.assertEqual((done.returncode, done.stderr), (DONE, ''), arguments)
        return done.stdout

    def refused(self, status, pattern, *arguments, **kwargs):
        done = run(*arguments, **kwargs)
        self.assertEqual(done.returncode, status, (arguments, done.stderr, done.stdout))
        self.assertRegex(done.stderr, pattern)
        self.assertRegex(done.stderr, r'\Anovactl: ')
        return done

    def terminal(self, *arguments, **kwargs):
        t = on_terminal(*arguments, **kwargs)
        self.addCleanup(t.close)
        return t


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
        self.refused(FAILED, r'disabling the host: .*255', 'disable', 'x' * 300)

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
        self.refused(NO_SUCH, 'cancelling job 999999: ', 'cancel', '999999')
        self.refused(NO_SUCH, 'cannot show job 999999: ', 'show', '999999')
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

    def test_metrics_are_those_of_the_bus(self):
        text = self.ok('metrics', user='bob')
        self.assertRegex(text, r'# EOF\n\Z')
        self.assertIn('# TYPE ', text)

    def test_a_full_disk_is_no_success(self):
        with open('/dev/full', 'w', encoding='utf-8') as full:
            done = subprocess.run([NOVACTL, 'show'], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment())
        self.assertEqual((done.returncode, done.stderr), (FAILED, 'novactl: not all could be written\n'))


class Service(NovactlTest):
    """Of a service that stops and goes."""

    def test_stop_start_and_reload(self):
        self.assertEqual(self.ok('service', 'stop'), '')
        done = run('is-online')
        self.assertEqual((done.returncode, done.stdout), (OFFLINE, 'offline: stopped\n'))
        self.assertEqual(run('is-online', '--quiet').stdout, '')
        self.refused(FAILED, 'reporting the state: .*not running', 'report-state')
        self.assertEqual(self.ok('service', 'start'), '')
        self.assertEqual(self.ok('service', 'reload'), '')
        eventually(lambda: run('is-online').returncode == DONE)

    def test_a_broker_that_is_away_is_the_reason(self):
        other = self.make('lonely', transport_url='rabbit://nova:x@127.0.0.1:9/')
        self.daemon.stop()
        other.start()
        done = run('is-online')
        self.assertEqual(done.returncode, OFFLINE)
        self.assertRegex(done.stdout, r'offline: degraded: .*127\.0\.0\.1:9')
        self.assertRegex(self.ok('status'), r'\n +Trouble: .*127\.0\.0\.1:9')
        other.stop()
        self.daemon.start()


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


class OnTerminal(NovactlTest):
    """As a person sees it."""

    def test_colours_are_for_terminals_and_not_with_no_color(self):
        cases = ((self.terminal('status', '--no-pager'), True), (self.terminal('status', '--no-pager', env={'NO_COLOR': '1'}), False),
                 (self.terminal('status', '--no-pager', env={'TERM': 'dumb'}), False), (self.terminal('status', '--no-pager', '--json=pretty'), False))
        for terminal, coloured in cases:
            self.assertEqual(terminal.end(), DONE)
            self.assertIn('testhost', terminal.output)
            self.assertEqual(ESCAPE in terminal.output, coloured, terminal.output)
        self.assertRegex(cases[0][0].output, r'State: \x1b\[0;32mrunning\x1b\[0m')

    def test_a_pager_is_used_on_terminals_only(self):
        pager = {'PAGER': 'sed "s/^/paged: /"'}
        terminal = self.terminal('node', env=pager)
        self.assertEqual(terminal.end(), DONE)
        self.assertIn('paged: ', terminal.output)
        for arguments, env in ((['node', '--no-pager'], pager), (['node'], dict(pager, SYSTEMD_PAGER='cat')), (['node'], {'PAGER': ''})):
            terminal = self.terminal(*arguments, env=env)
            self.assertEqual(terminal.end(), DONE)
            self.assertIn('testhost', terminal.output)
            self.assertNotIn('paged: ', terminal.output)
        self.assertNotIn('paged: ', self.ok('node', env=pager))
        gone = self.terminal('show', env={'PAGER': 'head -n 1'})        # q in the pager is no failure
        self.assertEqual(gone.end(), DONE)

    def test_j_is_pretty_on_a_terminal_and_short_elsewhere(self):
        terminal = self.terminal('node', '-j', '--no-pager')
        self.assertEqual(terminal.end(), DONE)
        self.assertIn('\r\n        "Driver": ', terminal.output)
        self.assertEqual(self.ok('node', '-j').count('\n'), 1)

    def test_a_password_is_asked_for_on_the_terminal(self):
        """pkttyagent, polkitd, PAM and the helper of polkit are the machine's; carol, who has a password and is of group sudo, is the test's."""
        if not shutil.which('pkttyagent') or not os.path.exists('/usr/lib/polkit-1/polkit-agent-helper-1'):
            self.skipTest('pkttyagent is not installed')
        self.private_accounts()
        before = self.bus().get('ReportCount')
        asked = self.terminal('report-state', user='bob')
        asked.expect('AUTHENTICATING FOR org.nova.compute1.report-state')
        asked.expect('Authentication is required to have the compute service report its state now')
        asked.expect('Password: ')
        asked.type('wr0ng\n')
        self.assertEqual(asked.end(30), DENIED)
        asked.expect('AUTHENTICATION FAILED')
        self.assertEqual(self.bus().get('ReportCount'), before)

        asked = self.terminal('report-state', user='bob')
        asked.expect('Password: ')
        asked.type('C4rol-pass\n')
        self.assertEqual(asked.end(30), DONE)
        asked.expect('AUTHENTICATION COMPLETE')
        self.assertGreater(self.bus().get('ReportCount'), before)
        self.assertNotIn('C4rol-pass', asked.output)
        self.assertEqual(subprocess.run(['pgrep', '-x', 'pkttyagent'], check=False, stdout=subprocess.DEVNULL).returncode, 1)     # no agent stays

        silent = self.terminal('report-state', '--no-ask-password', user='bob')
        self.assertEqual(silent.end(), DENIED)
        self.assertNotIn('Password', silent.output)

    def private_accounts(self):
        """/etc/passwd and /etc/group are the sandbox's own; /etc/shadow becomes so."""
        if not os.path.exists('/usr/lib/pam.d/polkit-1') and not os.path.exists('/etc/pam.d/polkit-1'):
            self.skipTest('PAM has no service for polkit')
        shadow = tempfile.NamedTemporaryFile('w', prefix='nova-shadow.', encoding='utf-8')
        self.addCleanup(shadow.close)
        with open('/etc/shadow', encoding='utf-8') as f:
            shadow.write(''.join(line for line in f if not line.startswith('carol:')))
        shadow.write('carol:%s:19000:0:99999:7:::\n' % crypt.crypt('C4rol-pass', crypt.mksalt(crypt.METHOD_SHA512)))
        shadow.flush()
        os.chmod(shadow.name, 0o600)
        subprocess.run(['mount', '--bind', shadow.name, '/etc/shadow'], check=True)
        self.addCleanup(subprocess.run, ['umount', '/etc/shadow'], check=True)
        self.account('carol', 1510, groups=('sudo',))

    @staticmethod
    def account(name, uid, groups=(), home='/tmp'):
        with open('/etc/passwd', encoding='utf-8') as f:
            if any(line.startswith(name + ':') for line in f):
                return
        with open('/etc/passwd', 'a', encoding='utf-8') as f:
            f.write('%s:x:%d:%d::%s:/bin/sh\n' % (name, uid, uid, home))
        with open('/etc/group', encoding='utf-8') as f:
            lines = f.read().splitlines()
        lines = [line + ('' if line.endswith(':') else ',') + name if line.split(':')[0] in groups else line for line in lines]
        lines += ['%s:x:%d:' % (name, uid)]
        lines += ['%s:x:%d:%s' % (g, uid + 100, name) for g in groups if not any(line.startswith(g + ':') for line in lines)]
        with open('/etc/group', 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines) + '\n')


class Remote(NovactlTest):
    """-H, through a real sshd on loopback to the bus of this sandbox."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for tool in ('/usr/sbin/sshd', '/usr/bin/ssh', '/usr/bin/ssh-keygen', '/usr/bin/systemd-stdio-bridge'):
            if not os.path.exists(tool):
                raise unittest.SkipTest('%s is not installed' % tool)
        cls.folder = tempfile.mkdtemp(prefix='nova-ssh.')
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        os.chmod(cls.folder, 0o755)
        home = os.path.join(cls.folder, 'home')
        os.makedirs(os.path.join(home, '.ssh'))
        OnTerminal.account('dora', 1511, home=home)
        for name in ('host', 'home/.ssh/id_ed25519'):
            subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', os.path.join(cls.folder, name)], check=True)
        shutil.copy(os.path.join(home, '.ssh/id_ed25519.pub'), os.path.join(cls.folder, 'authorized'))
        with socket.create_server(('127.0.0.1', 0)) as free:
            cls.port = free.getsockname()[1]
        with open(os.path.join(cls.folder, 'host.pub'), encoding='utf-8') as f:
            key = ' '.join(f.read().split()[:2])
        with open(os.path.join(home, '.ssh/known_hosts'), 'w', encoding='utf-8') as f:
            f.write('[127.0.0.1]:%d %s\n' % (cls.port, key))
        with open(os.path.join(cls.folder, 'sshd_config'), 'w', encoding='utf-8') as f:
            f.write('ListenAddress 127.0.0.1:%d\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nPidFile none\n'
                    'PasswordAuthentication no\nKbdInteractiveAuthentication no\n' % (cls.port, cls.folder, cls.folder))
        for root, _, files in os.walk(home):
            for name in [root] + [os.path.join(root, f) for f in files]:
                shutil.chown(name, 'dora', 'dora')
        os.makedirs('/run/sshd', exist_ok=True)
        cls.sshd = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-f', os.path.join(cls.folder, 'sshd_config')], stderr=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.sshd.communicate)
        cls.addClassCleanup(cls.sshd.kill)
        eventually(cls.listening, what='sshd')

    @classmethod
    def listening(cls):
        try:
            socket.create_connection(('127.0.0.1', cls.port), timeout=1).close()
        except OSError:
            return False
        return True

    def test_the_other_hosts_daemon_answers_as_the_user_there(self):
        for user, status in (('alice', DONE), ('bob', DENIED)):
            where = '%s@127.0.0.1:%d' % (user, self.port)
            env = {'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/nonexistent'}         # of here nothing is needed
            done = run('-H', where, 'node', '--json=short', user='dora', env=env)
            self.assertEqual((done.returncode, done.stderr), (DONE, ''))
            self.assertEqual(json.loads(done.stdout)['HypervisorHostname'], 'testhost')
            done = run('--host=' + where, 'report-state', user='dora', env=env)
            self.assertEqual(done.returncode, status, done.stderr)

    def test_a_host_that_is_not_there(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
        done = run('-H', 'alice@127.0.0.1:%d' % port, 'list', user='dora')
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertRegex(done.stderr, 'Connection refused')
        self.assertRegex(done.stderr, 'novactl: ')


if __name__ == '__main__':
    unittest.main()
