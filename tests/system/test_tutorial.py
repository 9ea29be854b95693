"""README's "Build a guest", line by line in a fresh container: the shell's lines by a shell, Python's at a Python prompt whose answers are
those of the text. Real RabbitMQ, libvirtd and qemu, under the installed service."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import bootguest  # noqa: E402
import container  # noqa: E402
import debian  # noqa: E402
from novatest import SOURCE  # noqa: E402


def section(title):
    """The lines of a section of README.md."""
    with open(os.path.join(SOURCE, 'README.md'), encoding='utf-8') as f:
        text = f.read()
    return re.search(r'^## %s\n(.*?)^## ' % re.escape(title), text, re.M | re.S).group(1).split('\n')


class Tutorial(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        bootguest.needs()
        deb = debian.package()
        cls.machine = container.with_guests(cls)
        debian.install(cls.machine, deb)
        # what the reader has in the folder where he builds
        for source, name in ((bootguest.BOOT, 'build/tests/guest/boot.bin'),
                             (os.path.join(SOURCE, 'tests', 'lib', 'computeclient.py'), 'tests/lib/computeclient.py')):
            cls.machine.put(source, '/root/' + name)
        cls.machine.until('rabbitmqctl', 'await_startup', seconds=120)

    def test_every_line_of_it(self):
        m, lines = self.machine, section('Build a guest')
        shell = [line[4:] for line in lines if line.startswith('    ') and re.match(r'[a-z]', line[4:]) and '>>>' not in line]
        shell = [line for line in shell if not re.fullmatch(r"'.*'|\d+|True|\(.*", line)]
        self.assertGreater(len(shell), 5)
        for line in shell:
            if line.startswith('apt-get install'):      # the tree has them: there is no network in here
                m.run('dpkg-query', '-W', *line.split()[3:])
            else:
                m.run('sh', '-c', 'cd /root && ' + line, timeout=120)
        python = [line[4:] for line in lines if line.startswith('    ') and line[4:] not in shell]
        self.assertTrue(python[0].startswith('>>> '))
        m.write('/root/tutorial', '\n'.join(python) + '\n')
        done = m.run('sh', '-c', 'cd /root && PYTHONPATH=tests/lib python3 -c "import doctest, sys; '
                     'sys.exit(doctest.testfile(\'/root/tutorial\', module_relative=False, optionflags=doctest.FAIL_FAST)[0])"',
                     check=False, timeout=600)
        log = m.run('journalctl', '-b', '-u', 'nova-compute', '-o', 'cat', check=False).stdout[-4000:] if done.returncode else ''
        self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-2000:] + log)
        self.assertEqual(m.run('virsh', 'list', '--all', '--name').stdout.strip(), '')
        self.assertEqual([n for n in m.run('ls', '/var/lib/nova/instances').stdout.split() if re.match(r'[0-9a-f]{8}-', n)], [])


if __name__ == '__main__':
    unittest.main(verbosity=2)
