"""novactl and real guests: qemu, emulated, under a libvirt of the test's own (run inside tests/lib/with-libvirt). They boot from
tests/guest/boot.S, which says on its serial line what becomes of it; novactl prints that as it comes."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bootguest  # noqa: E402
from novactlclient import NOVACTL, environment, json_of, on_terminal, run  # noqa: E402
from wireclient import OnHost, eventually  # noqa: E402


class NovactlGuests(OnHost):
    driver = 'libvirt.LibvirtDriver'
    groups = {'libvirt': {'virt_type': 'qemu', 'connection_uri': 'qemu:///system'}}

    @classmethod
    def setUpClass(cls):
        bootguest.needs()
        super().setUpClass()
        bootguest.open_to_qemu(cls.daemon.state)

    @classmethod
    def make(cls, host, **more):
        daemon = super().make(host, **more)
        bootguest.put(daemon.state, 'boot')
        return daemon

    def tearDown(self):
        bootguest.remove_all()

    def ok(self, *arguments):
        done = run(*arguments, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ''), arguments)
        return done.stdout

    def created(self, name):
        self.ok('create', name, '--image=boot', '--vcpus=1', '--memory=64M', '--disk=1G')

    def following(self, name, *arguments):
        """A console that is followed into a file: the process, and what it has printed."""
        out = tempfile.NamedTemporaryFile('rb', prefix='nova-console.')
        self.addCleanup(out.close)
        with open(out.name, 'wb') as writer:
            process = subprocess.Popen([NOVACTL, 'console', name, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, env=environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)

        def text():
            with open(out.name, 'rb') as f:
                return f.read().decode('utf-8', 'replace')
        return process, text

    def test_a_console_is_followed_from_the_first_boot_to_the_end(self):
        self.created('web1')
        process, text = self.following('web1')
        eventually(lambda: 'guest: boot 1' in text(), 60, 'the first boot')
        self.assertIn('guest: boot 1', self.ok('console', '--no-follow', 'web1'))
        terminal = on_terminal('console', 'web1')
        self.addCleanup(terminal.close)
        terminal.expect('guest: boot 1')
        self.ok('stop', 'web1')
        eventually(lambda: 'guest: power button' in text(), 60, 'the button')
        terminal.expect('guest: power button')
        terminal.type('\x03')
        self.assertEqual(terminal.end(), 0)
        self.ok('start', 'web1')                                # the log is begun anew, and followed on
        eventually(lambda: 'guest: boot 2' in text(), 60, 'the second boot')
        self.ok('delete', 'web1')
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(process.stderr.read(), "novactl: console of 'web1': the instance is gone\n")
        self.assertEqual(json_of('list'), [])

    def test_a_guest_that_was_taken_away_is_drift_and_named(self):
        self.created('web3')
        uuid = json_of('show', 'web3')['Uuid']
        name = json_of('show', 'web3')['Name']
        subprocess.run(['virsh', 'destroy', name], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(['virsh', 'undefine', name], check=True, stdout=subprocess.DEVNULL)
        self.ok('recover')
        [finding] = eventually(lambda: [d for d in json_of('drift') if d['name'] == uuid], 30, 'the finding')
        self.assertEqual(finding['kind'], 'guest-missing')
        self.assertRegex(self.ok('drift'), 'guest-missing +' + uuid)
        self.ok('delete', 'web3')
        self.ok('recover')                              # else at the next look of the periodic task
        eventually(lambda: not [d for d in json_of('drift') if d['name'] == uuid], 30, 'no finding')


if __name__ == '__main__':
    unittest.main()
