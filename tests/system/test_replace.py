"""The package takes the place of Debian's own nova-compute, as apt does it, and gives it back; the configuration is the same file all the time."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import container  # noqa: E402
import debian  # noqa: E402

UNIT = 'nova-compute.service'
NAME = 'nova-compute-native'


class Replace(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deb = debian.package()
        cls.machine = container.with_guests(cls, debians=True)

    def show(self, name):
        return self.machine.run('systemctl', 'show', '--value', '-p', name, UNIT).stdout.strip()

    def program(self):
        pid = self.show('MainPID')
        return self.machine.run('readlink', '/proc/%s/exe' % pid, check=False).stdout.strip()

    def status(self, package):
        return self.machine.run('dpkg-query', '-W', '-f', '${db:Status-Status}', package, check=False).stdout

    def configuration(self):
        return self.machine.run('sha256sum', '/etc/nova/nova.conf', '/etc/nova/nova-compute.conf').stdout

    def ours(self):
        """The service that runs is the one of the package, enabled, and in its STATUS says what it waits for."""
        self.machine.until('systemctl', 'is-active', UNIT, match='^active$')
        self.assertEqual(self.program(), '/usr/bin/nova-compute')
        self.assertEqual(self.machine.run('systemctl', 'is-enabled', UNIT).stdout, 'enabled\n')
        self.machine.until('systemctl', 'show', '--value', '-p', 'StatusText', UNIT, match='node1')

    def test_there_and_back_again(self):
        m = self.machine
        m.run('sh', '-c', "printf '[DEFAULT]\nhost = node1\n' >>/etc/nova/nova.conf")
        before = self.configuration()
        # A guest's disk of before, and the owner that it has
        m.run('runuser', '-u', 'nova', '--', 'sh', '-c', 'mkdir /var/lib/nova/instances/a && echo disk >/var/lib/nova/instances/a/disk')
        m.until('sh', '-c', 'readlink /proc/$(systemctl show --value -p MainPID %s)/exe' % UNIT, match='python')

        said = debian.install(m, self.deb)
        self.assertRegex(said, r'(?s)will be REMOVED:\s+nova-compute nova-compute-kvm\n')
        self.ours()
        self.assertEqual(self.configuration(), before)
        # what stands in its files is in force
        shown = m.run('nova-compute', '--show-config').stdout
        self.assertRegex(shown, r'(?m)^# /etc/nova/nova-compute\.conf.*\ncompute_driver = libvirt\.LibvirtDriver$')
        self.assertRegex(shown, r'(?m)^# /etc/nova/nova\.conf.*\nhost = node1$')
        # nova-common, which deletes /var/lib/nova when it is purged, is not offered to autoremove
        self.assertEqual(self.status('nova-common'), 'installed')
        self.assertNotIn('nova-common', m.run('apt-get', '-s', 'autoremove').stdout)

        # The way back. Debian's service does not come up without a conductor, and apt would wait for it.
        m.write('/run/systemd/system/nova-compute.service.d/test.conf', '[Service]\nType=exec\n')
        m.run('sh', '-c', 'apt-get install -y --no-install-recommends /var/cache/debs/*.deb', timeout=180)
        m.run('rm', '-r', '/run/systemd/system/nova-compute.service.d')
        self.assertEqual([self.status(p) for p in (NAME, 'nova-compute', 'nova-compute-kvm')], ['config-files', 'installed', 'installed'])
        self.assertEqual(self.configuration(), before)
        m.until('sh', '-c', 'readlink /proc/$(systemctl show --value -p MainPID %s)/exe' % UNIT, match='python')
        # What is left of ours goes without a trace at theirs
        m.run('apt-get', 'purge', '-y', NAME)
        self.assertEqual(m.run('systemctl', 'is-enabled', UNIT).stdout, 'enabled\n')
        self.assertRegex(self.program(), 'python')

        # And to stay: when what is left of Debian's is purged, ours goes on
        debian.install(m, self.deb)
        self.ours()
        m.run('apt-get', 'purge', '-y', 'nova-compute', 'nova-compute-kvm', timeout=180)
        self.ours()
        self.assertEqual(m.run('cat', '/var/lib/nova/instances/a/disk').stdout, 'disk\n')

        # Upgraded to itself it starts again, and keeps the unit disabled where it is
        m.run('systemctl', 'disable', UNIT)
        pid = self.show('MainPID')
        m.run('dpkg', '-i', '/root/' + os.path.basename(self.deb))
        self.assertNotEqual(self.show('MainPID'), pid)
        self.assertEqual(m.run('systemctl', 'is-enabled', UNIT, check=False).stdout, 'disabled\n')

        m.run('apt-get', 'remove', '-y', NAME)
        self.assertEqual(self.show('ActiveState'), 'inactive')
        said = m.run('apt-get', 'purge', '-y', NAME)
        self.assertIn('left in /var/lib/nova', said.stdout + said.stderr)
        self.assertEqual(m.run('cat', '/var/lib/nova/instances/a/disk').stdout, 'disk\n')
        self.assertEqual(m.run('ls', '/etc/nova/nova.conf').returncode, 0)
        self.assertEqual(re.findall(r'nova-compute\S*', m.run('find', '/etc/systemd', '/var/lib/systemd', '-name', 'nova-compute*').stdout), [])


if __name__ == '__main__':
    unittest.main(verbosity=2)
