"""novactl as a person uses it: a terminal, colours, a password, Ctrl-C, the shells' completion; and from another host."""
import crypt
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from novactlclient import Terminal, run  # noqa: E402
from novactlhost import DENIED, DONE, ESCAPE, FAILED, INTERRUPTED, UNREACHABLE, NovactlTest, OnGuests  # noqa: E402
from novatest import SOURCE  # noqa: E402
from wireclient import eventually  # noqa: E402


class Guests(OnGuests):
    """Of the fake driver, on a terminal."""

    def test_a_long_job_has_a_line_of_progress(self):
        self.daemon.fault('spawn:slow:2')
        t = self.terminal('create', 'web1', '--image=cirros', '--flavor=tiny')
        t.expect(r'\rcreating web1  █+░* +\d+%  \ds  \w+\x1b\[K')               # by its steps
        self.assertEqual(t.end(), DONE)
        self.assertRegex(t.output, r"\r\x1b\[KInstance 'web1' runs: ")
        self.daemon.fault('pause:slow:2')
        t = self.terminal('pause', 'web1')
        t.expect(r'\rpausing web1  \ds  .*\x1b\[K')
        self.assertEqual(t.end(), DONE)
        self.assertTrue(t.output.endswith('\r\x1b[K'), repr(t.output))          # and is wiped away
        self.ok('unpause', 'web1')
        for arguments, kwargs in ((['-q', 'reboot', 'web1'], {}), (['reboot', 'web1'], {'env': {'TERM': 'dumb'}})):
            self.daemon.fault('reboot:slow:0.7')
            t = self.terminal(*arguments, **kwargs)
            self.assertEqual(t.end(), DONE)
            self.assertEqual(t.output, '')

    def test_ctrl_c_ends_the_waiting_and_not_the_job(self):
        self.created('web1')
        self.daemon.fault('power_off:slow:2')
        t = self.terminal('stop', 'web1')
        t.expect('stopping web1')
        t.type('\x03')
        self.assertEqual(t.end(), INTERRUPTED)
        t.expect(r"job (\d+) goes on; 'novactl cancel \1' asks it to stop")
        eventually(lambda: self.states('web1') == ('stopped', '', 'shutdown'))

    def test_uuids_are_short_on_a_terminal_but_tell_apart(self):
        near = self.uuid[:9] + ('0' if self.uuid[9] != '0' else '1') + self.uuid[10:]
        self.created('a1', '--uuid=' + self.uuid), self.created('a2', '--uuid=' + near)
        t = self.terminal('list', '--no-pager')
        self.assertEqual(t.end(), DONE)
        for each in self.uuid, near:
            self.assertRegex(t.output, r'(?m)^%s +\x1b' % each[:10])
        t = self.terminal('list', '--no-pager', '--full', env={'COLUMNS': '60'})
        self.assertEqual(t.end(), DONE)
        self.assertIn(self.uuid, t.output)
        narrow = self.terminal('list', '--no-pager', env={'COLUMNS': '60', 'NO_COLOR': '1'})
        self.assertEqual(narrow.end(), DONE)

    def test_a_new_password_is_typed_twice_and_not_shown(self):
        self.created('web1')
        t = self.terminal('set-password', 'web1')
        t.expect("New password for 'web1': ")
        t.type('secret-1\n')
        t.expect('Again: ')
        t.type('secret-1\n')
        self.assertEqual(t.end(), DONE)
        self.assertNotIn('secret', t.output)
        t = self.terminal('set-password', 'web1')
        t.expect('New password')
        t.type('secret-1\n')
        t.expect('Again: ')
        t.type('secret-2\n')
        self.assertEqual(t.end(), FAILED)
        t.expect('the two are not the same')

    # --- the shells --------------------------------------------------------------------------------------

    def completes(self, t, prompt):
        """In a shell that has loaded the completion: by the bus, and by what the states allow."""
        def offers(typed, *patterns, absent=()):
            before = len(t.output)
            t.type(typed + '\t')
            for pattern in patterns:
                t.expect(pattern, since=before)
            t.type('\x15echo mark\n')                  # away with the line
            t.expect('\nmark\r\n(.*)' + prompt, since=before)
            for pattern in absent:
                self.assertNotRegex(t.output[before:], pattern)
        offers('novactl resc', 'rescue ')
        offers('novactl start w', 'web-stopped')
        offers('novactl stop w', 'web-active')
        offers('novactl start ', 'web-stopped', absent=['web-active'])
        offers('novactl reboot --ha', '--hard')
        offers('novactl status web-', 'web-active', 'web-stopped')
        offers('novactl create x --image=c', 'cirros')
        offers('novactl create x --flavor=', 'tiny')
        offers('novactl --json=p', 'pretty')
        offers('novactl service re', 'reload')
        offers('novactl show %s' % self.uuid[:4], self.uuid)

    def shell(self, name, *command):
        if not shutil.which(name):
            self.skipTest('%s is not installed' % name)
        self.created('web-stopped')
        self.created('web-active', '--uuid=' + self.uuid)
        self.ok('stop', 'web-stopped')
        t = Terminal(*command, user='alice', columns=150, env={'PS1': '$> ', 'HISTFILE': '/dev/null', 'ZDOTDIR': '/nonexistent', 'TERM': 'dumb'})
        self.addCleanup(t.close)
        return t

    def test_bash_completes_from_the_bus(self):
        t = self.shell('bash', 'bash', '--noprofile', '--norc', '-i')
        t.type("PS1='$> '; bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off'; source %s; echo loa''ded\n"
               % os.path.join(SOURCE, 'data/completions/novactl.bash'))
        t.expect('loaded')
        self.completes(t, r'\$> ')

    def test_zsh_completes_from_the_bus(self):
        t = self.shell('zsh', 'zsh', '-f', '-i')
        t.type("unsetopt zle_bracketed_paste; PS1='$> '; fpath=(%s $fpath); autoload -U compinit; compinit -D -u; echo loa''ded\n"
               % os.path.join(SOURCE, 'data/completions'))
        t.expect('loaded')
        self.completes(t, r'\$> ')


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
        """pkttyagent, polkitd, PAM and the helper of polkit are the machine's; irma, who has a password and is of group sudo, is the test's."""
        if not shutil.which('pkttyagent') or not os.path.exists('/usr/lib/polkit-1/polkit-agent-helper-1'):
            self.skipTest('pkttyagent is not installed')
        self.private_accounts()
        before = self.bus().get('ReportCount')
        asked = self.terminal('report-state', user='bob')
        asked.expect('AUTHENTICATING FOR org.nova.compute1.report-state')
        asked.expect('Authentication is required to have the compute service report its state now')
        asked.expect('Password: ')
        asked.type_secret('wr0ng\n')
        self.assertEqual(asked.end(30), DENIED)
        asked.expect('AUTHENTICATION FAILED')
        self.assertEqual(self.bus().get('ReportCount'), before)

        asked = self.terminal('report-state', user='bob')
        asked.expect('Password: ')
        asked.type_secret('Irm4-pass\n')
        self.assertEqual(asked.end(30), DONE)
        asked.expect('AUTHENTICATION COMPLETE')
        self.assertGreater(self.bus().get('ReportCount'), before)
        self.assertNotIn('Irm4-pass', asked.output)
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
            shadow.write(''.join(line for line in f if not line.startswith('irma:')))
        shadow.write('irma:%s:19000:0:99999:7:::\n' % crypt.crypt('Irm4-pass', crypt.mksalt(crypt.METHOD_SHA512)))
        shadow.flush()
        os.chmod(shadow.name, 0o600)
        subprocess.run(['mount', '--bind', shadow.name, '/etc/shadow'], check=True)
        self.addCleanup(subprocess.run, ['umount', '/etc/shadow'], check=True)
        self.account('irma', 1510, groups=('sudo',))

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
