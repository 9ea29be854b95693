"""Who may do what on a host with the installed package, by the operator's command: root everything, operators of a project what the example of
rules gives them, nobody reads. Real guests (emulated), real polkit, real journal."""
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import container  # noqa: E402
import debian  # noqa: E402
from novatest import BUILD, BUS_NAME, BUS_PATH  # noqa: E402

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
REFUSED, UNKNOWN = 6, 4         # exit status of novactl


class Users(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists(os.path.join(BUILD, 'tests', 'guest', 'boot.bin')):
            raise unittest.SkipTest('the guest of the tests is not built here')
        cls.deb = debian.package()
        lower = container.rootfs(os.environ.get('NOVA_TEST_GUEST_ROOTFS', os.path.join(os.path.dirname(BUILD), 'rootfs-guests')),
                                 container.GUESTS)
        cls.machine = m = container.Container(lower, 'node1')
        cls.addClassCleanup(m.stop)
        m.start(states=('running', 'degraded', 'starting'))
        m.run('apt-get', 'purge', '-y', 'nova-compute-kvm', 'nova-compute', timeout=120)
        m.write('/etc/nova/nova.conf', CONF)
        m.put(os.path.join(BUILD, 'tests', 'guest', 'boot.bin'), '/var/lib/nova/images/tiny')
        m.write('/var/lib/nova/images/tiny.json', '{"disk_format": "raw"}')
        debian.install(m, cls.deb)
        m.run('chown', '-R', 'nova:nova', '/var/lib/nova/images')
        m.run('groupadd', 'alpha-operators')
        m.run('usermod', '-a', '-G', 'alpha-operators', 'alice')
        m.run('cp', RULES, '/etc/polkit-1/rules.d/')
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

    def test_root_does_everything(self):
        m = self.machine
        self.create('first')
        self.assertEqual(self.instance('first')['state'], 'active')
        uuid = self.instance('first')['uuid']
        self.until_console('first', 'guest: boot 1')
        self.assertIn('first', self.ctl('status', 'first'))
        self.assertIn(uuid, self.ctl('show', 'first'))
        self.ctl('diagnostics', 'first')
        self.ctl('reboot', '--hard', 'first')
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

        # the package is installed anew under it, the service is killed: the guest goes on
        qemu = m.run('pgrep', '-f', 'qemu-system.*' + uuid).stdout
        m.run('dpkg', '-i', '/root/' + os.path.basename(self.deb))
        m.run('systemctl', 'kill', '--signal=KILL', UNIT)
        m.until('novactl', 'is-online', seconds=60)
        self.assertEqual(m.run('pgrep', '-f', 'qemu-system.*' + uuid).stdout, qemu)
        self.assertEqual(self.instance('first')['state'], 'active')

        self.ctl('disable', 'new', 'disk')
        self.assertIn('new disk', self.ctl('status'))
        self.ctl('enable')
        self.ctl('delete', 'first')
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
