"""novactl against the daemon on a real bus with the real polkitd: alice may do all (bus.rules), bob next to nothing. It is run as a
script would (pipes, JSON, exit statuses) and as a person would (a terminal, colours, a password, Ctrl-C)."""
import base64
import crypt
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from novactlclient import NOVACTL, Terminal, environment, json_of, on_terminal, run  # noqa: E402
from wireclient import OnHost, eventually  # noqa: E402
from novatest import SOURCE  # noqa: E402

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


class Instances(NovactlTest):
    """Guests of the fake driver, from create to delete."""
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

    def test_a_guest_from_its_creation_to_its_end(self):
        text = self.ok('create', 'web1', '--image=cirros', '--vcpus=2', '--memory=1G', '--disk=3', '--uuid=' + self.uuid, '--metadata=role=web')
        self.assertEqual(text, "Instance 'web1' runs: %s\n" % self.uuid)
        [row] = json_of('list')
        self.assertEqual((row['uuid'], row['name'], row['state'], row['power'], row['vcpus'], row['memory_mib'], row['locked'], row['fault']),
                         (self.uuid, 'web1', 'active', 'running', 2, 1024, False, ''))
        self.assertRegex(self.ok('list'), r'\AUUID +NAME STATE  TASK POWER   VCPUS MEMORY ADDRESSES +AGE\n'
                         r'%s web1 active -    running     2  1 GiB -  +\w+\n\n1 instance listed\.\n\Z' % self.uuid)
        status = self.ok('status', 'web1', '--lines=0')
        for pattern in (r'\A● web1 - ' + self.uuid, r'\n +State: active\n', r'\n +Power: running\n', r': 2 vCPUs, 1 GiB memory, 3 GiB disk\n',
                        r'\n +Image: cirros\n', r'\n +Metadata: role=web\n', r'\n +Created: \w+ 20', r'\n +Verbs: stop reboot '):
            self.assertRegex(status, pattern)

        for verb, states in ((['stop'], ('stopped', '', 'shutdown')), (['start'], ('active', '', 'running')),
                             (['stop', '--timeout=0'], ('stopped', '', 'shutdown')), (['start'], ('active', '', 'running')),
                             (['pause'], ('paused', '', 'paused')), (['unpause'], ('active', '', 'running')),
                             (['suspend'], ('suspended', '', 'suspended')), (['resume'], ('active', '', 'running')),
                             (['reboot'], ('active', '', 'running')), (['reboot', '--hard'], ('active', '', 'running')),
                             (['rescue'], ('rescued', '', 'running')), (['unrescue'], ('active', '', 'running')),
                             (['rebuild'], ('active', '', 'running'))):
            self.assertEqual(self.ok(verb[0], 'web1', *verb[1:]), '', verb)
            self.assertEqual(self.states('web1'), states, verb)
        self.ok('snapshot', 'web1', 'kept')
        eventually(lambda: 'kept' in [image['name'] for image in json_of('images')], what='the image in the list')
        self.ok('metadata', 'web1', 'role=', 'tier=a=b')
        self.assertEqual(json_of('show', 'web1', '-p', 'Metadata'), {'Metadata': {'tier': 'a=b'}})
        self.ok('lock', 'web1')
        self.assertTrue(json_of('list')[0]['locked'])
        self.refused(FAILED, 'locked', 'stop', 'web1')
        self.ok('unlock', 'web1')
        actions = json_of('actions', 'web1')
        self.assertEqual([actions[0]['action'], actions[-1]['action']], ['unlock', 'create'])
        self.assertRegex(self.ok('actions', 'web1'), r'  reboot by uid:1500  req-\S+\n    compute_reboot_instance  Success')
        self.assertIn('FAKE CONSOLE OUTPUT\n', self.ok('console', '--no-follow', 'web1'))
        self.assertEqual(self.ok('console', '--no-follow', '-n1', 'web1').count('\n'), 0)
        self.assertEqual(json_of('diagnostics', 'web1')['driver'], 'libvirt')
        self.assertRegex(self.ok('diagnostics', 'web1'), r'(?m)^num_cpus: +\d')
        self.assertRegex(self.ok('console-url', 'web1', 'vnc'), r'\A\S+\n\Z')

        self.assertEqual(self.ok('delete', 'web1'), '')
        self.assertEqual(json_of('list'), [])
        self.refused(NO_SUCH, "no instance 'web1'", 'status', 'web1')

    def test_names_prefixes_and_doubles(self):
        one, two = self.created('twin', '--uuid=' + self.uuid), self.created('twin')
        self.assertEqual(self.ok('show', one[:8], '-p', 'Uuid', '--value'), one + '\n')
        done = self.refused(NO_SUCH, 'twin', 'stop', 'twin')
        self.assertNotIn('did you mean', done.stderr)
        self.assertEqual(self.states(one), ('active', '', 'running'))
        self.refused(NO_SUCH, "no instance 'twim'; did you mean 'twin'", 'stop', 'twim')
        self.ok('stop', two)
        self.assertEqual([row['uuid'] for row in json_of('list', '--state=stopped')], [two])
        self.assertEqual([row['uuid'] for row in json_of('list', one[:5])], [one])
        self.assertEqual(len(json_of('list', 'tw?n')), 2)
        self.assertEqual(json_of('list', 'x*'), [])
        self.assertEqual(json_of('list', '--project=nobody'), [])

    def test_a_name_cannot_play_with_the_terminal(self):
        one = self.created('web1')                      # a user of OpenStack may call it what he likes
        self.daemon.stop()
        self.daemon.change("UPDATE instances SET display_name = 'a\x1b[2J\nb' WHERE uuid = '%s'" % one)
        self.daemon.start()
        eventually(lambda: json_of('list'))
        for arguments in (['list'], ['status', one, '-n0'], ['show', one]):
            self.assertNotIn('\x1b', self.ok(*arguments))
            self.assertIn('a\\x1b[2J\\x0ab', self.ok(*arguments))
        self.assertEqual(json_of('list')[0]['name'], 'a\x1b[2J\nb')

    def test_several_at_once_and_each_told_of(self):
        self.created('first'), self.created('second')
        self.ok('stop', 'first')
        done = self.refused(FAILED, r"(?m)^novactl: stopping 'first': .*vm_state stopped", 'stop', 'first', 'second')
        self.assertNotIn('second', done.stderr)
        self.assertEqual(self.states('second'), ('stopped', '', 'shutdown'))
        self.refused(NO_SUCH, "no instance 'third'", 'start', 'third', 'first')
        self.assertEqual(self.states('first')[0], 'active')
        self.refused(FAILED, "no instance 'third'", 'start', 'first', 'third')          # both failed, each in its way
        jobs = json_of('delete', 'first', 'second')
        self.assertEqual([(j['verb'], j['name'], j['result']) for j in jobs], [('delete', 'first', 'done'), ('delete', 'second', 'done')])

    def test_a_job_that_fails_is_a_failure_with_its_reason(self):
        self.created('web1')
        self.daemon.fault('pause:fail:InternalError')
        self.refused(FAILED, r"pausing 'web1' failed: .*\[InternalError\] \(job \d+\)", 'pause', 'web1')
        done = run('--json=short', 'pause', 'web1')
        self.assertEqual(done.returncode, FAILED)
        [job] = json.loads(done.stdout)
        self.assertEqual((job['verb'], job['result'], job['error']), ('pause', 'failed', 'InternalError'))
        self.daemon.fault('spawn:fail:InternalError')
        self.refused(FAILED, "creating 'bad' failed: ", 'create', 'bad', '--image=cirros', '--flavor=tiny')
        self.assertRegex(self.ok('status', 'bad', '-n0'), r'\n +State: error\n(.*\n)* +Fault: .+ \(\w+ 20')

    def test_what_is_refused_names_the_thing_and_changes_nothing(self):
        self.created('web1')
        for pattern, arguments in ((r'Image nix could not be found', ['create', 'x', '--image=nix', '--flavor=tiny']),
                                   (r'Flavor big could not be found', ['create', 'x', '--image=cirros', '--flavor=big']),
                                   (r'vm_state active', ['start', 'web1']),
                                   (r'--password-file: /nix: cannot be opened: No such file', ['set-password', 'web1', '--password-file=/nix']),
                                   (r'--user-data: /nix: cannot be opened', ['create', 'x', '--image=cirros', '--flavor=tiny', '--user-data=/nix']),
                                   (r'--user-data: /dev/zero: is larger than 1 MiB',
                                    ['create', 'x', '--image=cirros', '--flavor=tiny', '--user-data=/dev/zero']),
                                   (r'--password-file=/dev/null: is empty', ['set-password', 'web1', '--password-file=/dev/null'])):
            self.refused(FAILED, pattern, *arguments)
        for pattern, arguments in ((r'--memory=lots: it is a number with K, M, G or T, or of MiB without', ['--memory=lots']),
                                   (r'--disk=-1: it is a number with K, M, G or T, or of GiB without', ['--disk=-1']),
                                   (r'--vcpus=0: it is a number of processors', ['--vcpus=0']),
                                   (r'--metadata=x: it is KEY=VALUE', ['--metadata=x']),
                                   (r'--network=a,b: it is NETWORK or NETWORK,ip=ADDRESS', ['--network=a,b'])):
            self.refused(USAGE, pattern, 'create', 'x', '--image=cirros', '--flavor=tiny', *arguments)
        self.refused(USAGE, '--timeout=soon: it is a number of seconds', 'stop', 'web1', '--timeout=soon')
        self.refused(USAGE, 'there is no terminal to ask for the password on', 'set-password', 'web1', start_new_session=True)
        self.refused(USAGE, "backup: 'many' is no number of images", 'backup', 'web1', 'x', 'daily', 'many')
        self.refused(USAGE, '--soft and --force', 'delete', 'web1', '--soft', '--force')
        self.refused(USAGE, "console-url: 'web' is not vnc, spice or serial", 'console-url', 'web1', 'web')
        self.assertEqual([row['name'] for row in json_of('list')], ['web1'])
        self.assertEqual(self.states('web1'), ('active', '', 'running'))

    def test_who_may_not_changes_nothing(self):
        self.created('web1')
        for arguments in (['stop', 'web1'], ['delete', 'web1'], ['reboot', 'web1'], ['console', 'web1'], ['console', '--no-follow', 'web1'],
                          ['diagnostics', 'web1'], ['actions', 'web1'], ['snapshot', 'web1', 'x'], ['create', 'x', '--image=cirros', '--flavor=tiny']):
            self.refused(DENIED, 'not authorized|Access denied', *arguments, user='bob')
        self.assertEqual(run('list', user='bob').returncode, DONE)              # reading is free
        self.assertEqual(json_of('list')[0]['state'], 'active')

    def test_what_the_guest_is_given_reaches_it(self):
        data = b'#!/bin/sh\necho \xff\x00\n'
        done = run('create', 'given', '--image=cirros', '--flavor=tiny', '--user-data=-', '--config-drive', '--zone=nova', '--project=p1', '--user=u1',
                   '--key-name=k', '--public-key=' + self.public_key(), stdin=data, text=False)
        self.assertEqual((done.returncode, done.stderr), (DONE, b''))
        p = json_of('show', 'given')
        self.assertEqual((p['ConfigDrive'], p['Project'], p['User']), (True, 'p1', 'u1'))
        [row] = self.daemon.sql("SELECT object FROM instances WHERE uuid = '%s'" % p['Uuid'])
        self.assertEqual(base64.b64decode(json.loads(row['object'])['nova_object.data']['user_data']), data)
        self.assertEqual([row['name'] for row in json_of('list', '--project=p1')], ['given'])
        self.assertEqual(run('set-password', 'given', '--password-file=-', stdin='n3w pass\n').returncode, DONE)

    def public_key(self):
        """The name of a file with one."""
        blob = b''.join(struct.pack('>I', len(part)) + part for part in (b'ssh-ed25519', bytes(range(32))))
        file = tempfile.NamedTemporaryFile('w', prefix='nova-key.', encoding='ascii')
        self.addCleanup(file.close)
        file.write('ssh-ed25519 %s me@here\n' % base64.b64encode(blob).decode())
        file.flush()
        os.chmod(file.name, 0o644)
        return file.name

    def test_without_blocking_the_job_is_named_and_goes_on(self):
        self.created('web1')
        self.daemon.fault('reboot:slow:1')
        text = self.ok('--no-block', 'reboot', 'web1')
        self.assertRegex(text, r"\Arebooting 'web1': job \d+\n\Z")
        number = text.split()[-1]
        [job] = json_of('jobs', 'web1')
        self.assertEqual((job['job'], job['method'], job['user']), (int(number), 'reboot_instance', 'uid:1500'))
        self.assertRegex(self.ok('jobs'), r'\A *JOB METHOD .*\n *%s reboot_instance web1 +running ' % number)
        self.assertRegex(self.ok('status', 'web1', '-n0'), r'\n +Jobs: %s reboot_instance, running' % number)
        self.assertEqual(json_of('show', number, '-p', 'Id'), {'Id': int(number)})
        eventually(lambda: not json_of('jobs'))
        self.assertEqual(self.states('web1'), ('active', '', 'running'))
        self.assertEqual(self.ok('jobs'), 'No jobs.\n')

    def test_a_job_that_waits_can_be_cancelled(self):
        self.created('web1')
        self.daemon.fault('reboot:slow:1')
        self.ok('--no-block', 'reboot', 'web1')
        waiting = subprocess.Popen([NOVACTL, 'lock', 'web1'], stderr=subprocess.PIPE, text=True, env=environment())
        job = eventually(lambda: [j for j in json_of('jobs') if j['method'] == 'lock_instance'])[0]
        self.assertEqual(self.ok('cancel', str(job['job'])), '')
        self.assertEqual((waiting.wait(20), waiting.stderr.read()), (FAILED, "novactl: locking 'web1': cancelled (job %d)\n" % job['job']))
        waiting.stderr.close()
        eventually(lambda: not json_of('jobs'))
        self.assertFalse(json_of('show', 'web1')['Locked'])

    def test_a_dry_run_of_recovery_tells_what_is_open_and_changes_nothing(self):
        one, two = self.created('web1'), self.created('web2')
        self.daemon.fault('power_off:slow:1')
        self.ok('--no-block', 'stop', 'web1')
        eventually(lambda: json_of('show', 'web1')['TaskState'] == 'powering-off')
        plan = json_of('recover', '--dry-run')
        self.assertEqual([(p['method'], p['instance_uuid']) for p in plan if p['method']], [('stop_instance', one)])
        self.assertIn(plan[0]['action'], ('runs', 'runs again'))
        self.assertEqual([p['instance_uuid'] for p in plan if not p['method']], [one])
        self.assertRegex(self.ok('recover', '--dry-run'), r'\AMETHOD +INSTANCE .*\nstop_instance +%s ' % one)
        eventually(lambda: not json_of('jobs'))
        self.assertEqual([p for p in json_of('recover', '--dry-run') if p['instance_uuid'] in (one, two)], [])

    def test_a_daemon_that_is_killed_is_told_and_goes_on_with_it(self):
        self.created('web1')
        self.daemon.fault('power_off:slow:2')
        waiting = subprocess.Popen([NOVACTL, 'stop', 'web1'], stderr=subprocess.PIPE, text=True, env=environment())
        eventually(lambda: [j for j in json_of('jobs') if j['state'] == 'running'])
        self.daemon.kill()
        status, told = waiting.wait(20), waiting.stderr.read()
        waiting.stderr.close()
        self.assertEqual(status, UNREACHABLE, told)
        self.assertRegex(told, 'has left the bus meanwhile; what it had accepted is in its journal')
        self.daemon.fault()
        self.daemon.start()
        eventually(lambda: json_of('list') and self.states('web1') == ('stopped', '', 'shutdown'))

    def test_a_daemon_that_goes_ends_the_following_of_a_console(self):
        self.created('web1')
        t = self.terminal('console', 'web1', '-n1')
        t.expect('LAST LINE')
        t.type('\x03')
        self.assertEqual(t.end(), DONE)
        self.assertNotIn('ANOTHER', t.output)
        t = self.terminal('console', 'web1')
        t.expect('FAKE CONSOLE OUTPUT')                 # what was written before
        self.daemon.kill()
        self.assertEqual(t.end(), UNREACHABLE)
        t.expect("novactl: console of 'web1': nova-compute has left the bus")
        self.daemon.start()
        eventually(lambda: json_of('list'))

    # --- what goes on ------------------------------------------------------------------------------------

    def watching(self, *arguments):
        """A monitor that listens already."""
        out = tempfile.NamedTemporaryFile('r', prefix='nova-monitor.', encoding='utf-8')
        self.addCleanup(out.close)
        with open(out.name, 'w', encoding='utf-8') as writer:
            process = subprocess.Popen([NOVACTL, 'monitor', *arguments], stdout=writer, env=environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def text():
            with open(out.name, encoding='utf-8') as f:
                return f.read()

        def heard():
            run('report-state')
            return 'ReportCount' in text()
        if not [a for a in arguments if not a.startswith('-')]:
            eventually(heard, what='the monitor')
        return process, text

    def test_monitor_prints_what_happens(self):
        process, text = self.watching('--json=pretty')
        human_process, human = self.watching()
        one = self.created('web1')
        self.ok('stop', 'web1')
        self.ok('delete', 'web1')
        eventually(lambda: '"removed"' in text() and 'is gone' in human())
        events = [json.loads(line) for line in text().splitlines()]             # an object a line
        mine = [e for e in events if e['name'] == 'web1']
        self.assertEqual((mine[0]['event'], mine[0]['details']['Uuid'], mine[-1]['event']), ('added', one, 'removed'))
        self.assertIn('stopped', [(e['details'] or {}).get('VmState') for e in mine])
        ended = [e['details'] for e in events if e['event'] == 'ended']
        self.assertEqual([(d['method'], d['result']) for d in ended],
                         [('build_and_run_instance', 'done'), ('stop_instance', 'done'), ('terminate_instance', 'done')])
        for pattern in (r'(?m)^\d\d:\d\d:\d\d\.\d{3} instance web1  added: ' + one, r'instance web1  .*VmState=stopped', r'job +\d+  stop_instance done',
                        r'job +\d+  stop_instance of web1 by uid:1500, req-', r'instance web1  is gone'):
            self.assertRegex(human(), pattern)
        for each in process, human_process:
            each.send_signal(signal.SIGINT)
            self.assertEqual(each.wait(20), DONE)

    # --- on a terminal -----------------------------------------------------------------------------------

    def test_a_long_job_has_a_line_of_progress(self):
        self.daemon.fault('spawn:slow:1')
        t = self.terminal('create', 'web1', '--image=cirros', '--flavor=tiny')
        t.expect(r'\rcreating web1  █+░* +\d+%  \ds  \w+\x1b\[K')               # by its steps
        self.assertEqual(t.end(), DONE)
        self.assertRegex(t.output, r"\r\x1b\[KInstance 'web1' runs: ")
        self.daemon.fault('pause:slow:1')
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
