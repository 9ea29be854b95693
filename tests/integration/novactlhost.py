"""What the tests of novactl share: a daemon, and the command run against it, its end judged."""
import os
import sys
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from novactlclient import json_of, on_terminal, run  # noqa: E402
from wireclient import OnHost  # noqa: E402

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


class OnGuests(NovactlTest):
    """Guests of the fake driver."""
    options = {'flavor': 'name=tiny,vcpus=1,memory=64,disk=1'}

    @classmethod
    def make(cls, host, **more):
        daemon = super().make(host, **more)
        daemon.groups['fake']['guests_file'] = os.path.join(daemon.state, 'guests')      # they outlive the daemon
        images = os.path.join(daemon.state, 'images')
        os.makedirs(images)
        with open(os.path.join(images, 'cirros'), 'wb') as f:
            f.write(bytes(1 << 20))
        return daemon

    def setUp(self):
        self.uuid = str(uuid.uuid4())
        self.addCleanup(self.clear)

    def clear(self):
        self.daemon.fault()
        for instance in json_of('list') if self.daemon.process.poll() is None else ():
            run('unlock', instance['uuid'])
            run('delete', instance['uuid'])

    def created(self, name, *more):
        """Its uuid."""
        [job] = json_of('create', name, '--image=cirros', '--flavor=tiny', *more)
        self.assertEqual((job['result'], job['name'], job['error']), ('done', name, ''))
        return job['instance']

    def states(self, name):
        p = json_of('show', name)
        return p['VmState'], p['TaskState'], p['PowerState']

    def images(self):
        return {image['name'] for image in json_of('images')}
