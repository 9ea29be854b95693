"""Who may do what on a host with the installed package, by the operator's command: root everything, operators of a project what the example of
rules gives them, nobody reads. Real guests (emulated), real polkit, real journal."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import bootguest  # noqa: E402
import container  # noqa: E402
import debian  # noqa: E402
from novactlclient import Terminal  # noqa: E402
from novatest import BUS_NAME, BUS_PATH, eventually  # noqa: E402

UNIT = 'nova-compute.service'
CONF = """[DEFAULT]
host = node1
compute_driver = libvirt.LibvirtDriver
network = name=private, cidr=10.1.0.0/24
[libvirt]
virt_type = qemu
"""
RULES = '/usr/share/doc/nova-compute/examples/50-nova-compute-example.rules'
SMALL = ('--image=tiny', '--vcpus=1', '--memory=64M', '--disk=1G')
REFUSED, UNKNOWN, AWAY = 6, 4, 5        # exit status of novactl


class Users(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        bootguest.needs()
        cls.deb = debian.package()
        cls.machine = m = container.with_guests(cls)
        m.write('/etc/nova/nova.conf', CONF)
        m.put(bootguest.BOOT, '/var/lib/nova/images/tiny')
        m.write('/var/lib/nova/images/tiny.json', '{"disk_format": "raw"}')
        debian.install(m, cls.deb)
        m.run('chown', '-R', 'nova:nova', '/var/lib/nova/images')
        m.run('groupadd', 'alpha-operators')
        m.run('usermod', '-a', '-G', 'alpha-operators', 'alice')
        m.run('cp', RULES, '/etc/polkit-1/rules.d/')
        # an administrator with a password
        m.run('useradd', '-m', '-G', 'sudo', 'irma')
        m.run('chpasswd', stdin='irma:Irm4-pass\n')
        m.until('rabbitmqctl', 'await_startup', seconds=120)
        m.until('novactl', 'is-online', seconds=60)

    def ctl(self, *arguments, user='root', status=0):
        """novactl as @user; its output, where it ends with @status."""
        done = self.machine.run('runuser', '-u', user, '--', 'novactl', '--no-ask-password', *arguments, check=False, timeout=120)
        self.assertEqual(done.returncode, status, '%s: novactl %s: %s%s' % (user, ' '.join(arguments), done.stdout, done.stderr))
        return done.stdout if status == 0 else done.stderr

    def instance(self, name):
        found = [i for i in json.loads(self.ctl('list', '--json=short')) if i['name'] == name]
        return found[0] if found else None

    def create(self, name, *more, **kwargs):
        self.ctl('create', name, *SMALL, *more, **kwargs)
        self.addCleanup(self.machine.run, 'novactl', 'delete', name, check=False)

    def until_console(self, name, text, user='root'):
        return self.machine.until('runuser', '-u', user, '--', 'novactl', '--no-ask-password', 'console', '--no-follow', name, seconds=60,
                                  match=re.escape(text))

    def terminal(self, *command, user):
        """A program inside, on a terminal."""
        home = 'HOME=/root' if user == 'root' else 'HOME=/home/' + user
        t = Terminal(*self.machine.inside(*command, user=user, env=('TERM=dumb', 'LANG=C.UTF-8', 'PS1=$> ', 'HISTFILE=/dev/null', home)), user=None)
        self.addCleanup(t.close)
        return t

    def follow(self, name, user='root'):
        """Its console, followed: the process, and what it has printed."""
        out = tempfile.NamedTemporaryFile('r', prefix='nova-console.', encoding='utf-8', errors='replace')
        self.addCleanup(out.close)
        with open(out.name, 'w', encoding='utf-8') as writer:
            process = subprocess.Popen(self.machine.inside('novactl', 'console', name, user=user), stdin=subprocess.DEVNULL, stdout=writer,
                                       stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)

        def text():
            with open(out.name, encoding='utf-8', errors='replace') as f:
                return f.read()
        return process, text

    def test_root_does_everything(self):
        m = self.machine
        self.create('first')
        self.assertEqual(self.instance('first')['state'], 'active')
        uuid = self.instance('first')['uuid']
        console, told = self.follow('first')
        eventually(lambda: 'guest: boot 1' in told(), 60, 'the first boot')
        status = self.ctl('status', 'first')
        self.assertIn('first', status)
        self.assertRegex(status, r'(?s)\n\n\w+ 20\d\d-\d\d-\d\d .*build_and_run_instance')       # its lines in the journal
        self.assertIn(uuid, self.ctl('show', 'first'))
        self.ctl('diagnostics', 'first')
        self.ctl('reboot', '--hard', 'first')
        eventually(lambda: 'guest: boot 2' in told(), 60, 'the second boot')
        self.until_console('first', 'guest: boot 2')
        self.ctl('pause', 'first')
        self.assertEqual(self.instance('first')['state'], 'paused')
        self.ctl('unpause', 'first')
        self.ctl('snapshot', 'first', 'kept')
        m.until('novactl', 'images', match=r'(?m)^\S+ +kept ')          # soon: the directory is watched
        self.assertEqual(json.loads(self.ctl('jobs', '--json=short')), [])
        self.assertEqual(json.loads(self.ctl('drift', '--json=short')), [])
        self.ctl('update-resources')
        self.assertRegex(self.ctl('metrics'), r'(?s)nova_compute_.*# EOF\n$')

        # its story, and that of a request
        story = m.run('journalctl', '-q', '-o', 'json', 'INSTANCE_UUID=' + uuid).stdout
        lines = [json.loads(line) for line in story.splitlines()]
        self.assertIn('reboot_instance', story)
        requests = {line['REQUEST_ID'] for line in lines if line.get('REQUEST_ID')}
        self.assertGreaterEqual(len(requests), 3)
        for request in requests:
            self.assertTrue(m.run('journalctl', '-q', '-o', 'cat', 'REQUEST_ID=' + request).stdout)

        # the service is killed, the package is installed anew under it: the guest goes on
        qemu = m.run('pgrep', '-f', 'qemu-system.*' + uuid).stdout
        m.run('systemctl', 'kill', '--signal=KILL', UNIT)
        self.assertEqual(console.wait(20), AWAY)       # who followed by it ends with it
        self.assertEqual(console.stderr.read(), "novactl: console of 'first': nova-compute has left the bus\n")
        m.run('dpkg', '-i', '/root/' + os.path.basename(self.deb))
        m.until('novactl', 'is-online', seconds=60)
        self.assertEqual(m.run('pgrep', '-f', 'qemu-system.*' + uuid).stdout, qemu)
        self.assertEqual(self.instance('first')['state'], 'active')


        console, told = self.follow('first')
        eventually(lambda: 'guest: boot 2' in told(), 20, 'the console again')
        self.ctl('disable', 'new', 'disk')
        self.assertIn('new disk', self.ctl('status'))
        self.ctl('enable')
        self.ctl('delete', 'first')
        self.assertEqual(console.wait(20), 0)
        self.assertEqual(console.stderr.read(), "novactl: console of 'first': the instance is gone\n")
        self.assertIsNone(self.instance('first'))
        self.assertEqual(m.run('virsh', 'list', '--all', '--name').stdout.strip(), '')
        self.assertIn('first', self.ctl('show', 'first', status=UNKNOWN))

    def test_an_operator_has_the_instances_of_the_project(self):
        self.create('theirs', '--project=alpha', user='alice')
        self.create('others', '--project=beta')
        self.until_console('theirs', 'guest: boot', user='alice')
        self.ctl('reboot', '--hard', 'theirs', user='alice')
        self.ctl('stop', '--timeout=0', 'theirs', user='alice')
        for verb in (('create', 'more', *SMALL), ('create', 'more', *SMALL, '--project=beta'), ('reboot', 'others'), ('delete', 'others'),
                     ('console', '--no-follow', 'others'), ('disable', 'mine'), ('report-state',), ('service', 'stop')):
            self.assertRegex(self.ctl(*verb, user='alice', status=REFUSED), r'(?i)authori|denied')
        self.ctl('delete', 'theirs', user='alice')
        self.assertIsNone(self.instance('theirs'))
        self.assertEqual(self.instance('others')['state'], 'active')

    def test_the_password_of_an_administrator_does_it_too(self):
        for password, status in ('wr0ng', REFUSED), ('Irm4-pass', 0):
            t = self.terminal('novactl', 'disable', 'looked', 'after', user='alice')
            t.expect('Authentication is required to')
            t.expect('Password: ')
            t.type_secret(password + '\n')
            self.assertEqual(t.end(40), status, t.output)
            self.assertEqual('disabled: looked after' in self.ctl('status'), status == 0)
        self.ctl('enable')

    def test_the_shells_complete_what_is_there(self):
        self.create('web-one')
        self.create('web-two')
        self.ctl('stop', '--timeout=0', 'web-two')
        for shell, start in ((('bash', '--norc', '-i'), "bind 'set show-all-if-ambiguous on'; . /usr/share/bash-completion/bash_completion"),
                             (('zsh', '-f', '-i'), "PS1='$> '; autoload -U compinit; compinit -D -u")):
            t = self.terminal(*shell, user='bob')
            t.type(start + "; echo loa''ded\n")
            t.expect('loaded')
            for typed, offered in (('novactl resc', 'rescue '), ('novactl stop web-', 'web-one'), ('novactl start web-', 'web-two'),
                                   ('novactl create x --image=ti', 'tiny'), ('novactl --js', '--json')):
                before = len(t.output)
                t.type(typed + '\t')
                t.expect(offered, since=before)
                t.type('\x15')
            t.type('exit\n')
            self.assertEqual(t.end(), 0)

    def test_another_host_is_reached_by_ssh(self):
        """This one: its sshd, bus and daemon are what they are on another."""
        m = self.machine
        self.create('far', '--project=alpha')
        m.run('sh', '-c', 'mkdir -m 700 ~bob/.ssh ~alice/.ssh && ssh-keygen -q -t ed25519 -N "" -f ~bob/.ssh/id_ed25519 && '
              'cp ~bob/.ssh/id_ed25519.pub ~alice/.ssh/authorized_keys && echo "StrictHostKeyChecking accept-new" >~bob/.ssh/config && '
              'chown -R bob ~bob/.ssh && chown -R alice ~alice/.ssh')
        far = ('-H', 'alice@127.0.0.1')
        m.until('runuser', '-u', 'bob', '--', 'ssh', 'alice@127.0.0.1', 'true')
        self.assertIn('far', self.ctl(*far, 'list', user='bob'))
        self.assertRegex(self.ctl(*far, 'disable', 'mine', user='bob', status=REFUSED), r'(?i)authori|denied')
        self.ctl(*far, 'reboot', '--hard', 'far', user='bob')                  # alice may, there
        self.assertRegex(self.ctl('reboot', '--hard', 'far', user='bob', status=REFUSED), r'(?i)authori|denied')
        self.assertRegex(self.ctl('-H', 'irma@127.0.0.1', 'list', user='bob', status=AWAY), 'Permission denied')

    def test_who_only_looks_does_not_start_what_was_stopped(self):
        m = self.machine
        m.run('systemctl', 'stop', UNIT)
        for verb in (('list',), ('status',), ('show',), ('node',), ('jobs',), ('drift',), ('stalled',), ('images',), ('networks',), ('flavors',),
                     ('metrics',), ('show', 'x'), ('status', 'x'), ('console', 'x'), ('actions', 'x'), ('recover', '--dry-run')):
            self.assertIn("'systemctl status nova-compute' says more", self.ctl(*verb, status=AWAY))
        self.ctl('is-online', status=3)
        self.assertEqual(m.run('systemctl', 'is-active', UNIT, check=False).stdout, 'inactive\n')
        self.ctl('service', 'start')            # the bus has it started
        self.ctl('is-online')

    def test_the_manual_is_installed(self):
        for page in 'novactl', 'nova-compute', 'nova.conf', 'org.nova.Compute1':
            done = self.machine.run('man', '--warnings', '-P', 'cat', page)
            self.assertGreater(len(done.stdout.splitlines()), 50, page)
            self.assertEqual(done.stderr, '', page)

    def test_nobody_reads_and_does_nothing(self):
        self.create('one')
        before = self.instance('one')
        for verb in (('list',), ('status',), ('status', 'one'), ('show', 'one'), ('node',), ('jobs',), ('drift',), ('stalled',), ('images',),
                     ('networks',), ('flavors',), ('metrics',), ('is-online',), ('version',)):
            self.ctl(*verb, user='nobody')
        for verb in (('create', 'more', *SMALL), ('stop', 'one'), ('start', 'one'), ('reboot', 'one'), ('pause', 'one'), ('rebuild', 'one'),
                     ('snapshot', 'one', 'taken'), ('delete', 'one'), ('console', '--no-follow', 'one'), ('diagnostics', 'one'),
                     ('crash-dump', 'one'), ('disable', 'mine'), ('enable',), ('service', 'stop'), ('recover',), ('update-resources',)):
            self.assertRegex(self.ctl(*verb, user='nobody', status=REFUSED), r'(?i)authori|denied')
        self.assertEqual(self.instance('one'), before)
        # what is wrong with a call is not told to who may not make it
        path = BUS_PATH + '/instance/' + before['uuid'].replace('-', '_')
        done = self.machine.run('runuser', '-u', 'nobody', '--', 'busctl', 'call', BUS_NAME, path, BUS_NAME + '.Instance', 'Stop', 'a{sv}', '1',
                                'no-such-option', 's', 'x', check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn('no-such-option', done.stderr)
        # the journal is not for everybody
        done = self.machine.run('runuser', '-u', 'nobody', '--', 'journalctl', '-q', '-u', UNIT, check=False)
        self.assertEqual(done.stdout, '')


if __name__ == '__main__':
    unittest.main(verbosity=2)
