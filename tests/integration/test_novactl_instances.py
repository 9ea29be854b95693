"""novactl and instances of the fake driver, as a script uses it: pipes, JSON, exit statuses. alice may do all (bus.rules), bob next to nothing."""
import base64
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from novactlclient import NOVACTL, environment, json_of, run, takes_signal  # noqa: E402
from novactlhost import DENIED, DONE, FAILED, INTERRUPTED, NO_SUCH, UNREACHABLE, USAGE, OnGuests  # noqa: E402
from wireclient import SLOW, eventually  # noqa: E402

BINARY = '/bin/true'             # a file that is no text


class Instances(OnGuests):
    """From create to delete."""

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
        eventually(lambda: 'kept' in self.images(), what='the image in the list')
        self.ok('metadata', 'web1', 'role=', 'tier=a=b')
        self.assertEqual(json_of('show', 'web1', '-p', 'Metadata'), {'Metadata': {'tier': 'a=b'}})
        self.ok('lock', 'web1')
        self.assertTrue(json_of('list')[0]['locked'])
        self.refused(FAILED, 'locked', 'stop', 'web1')
        self.refused(FAILED, "'web1': The instance could not be deleted: .* is locked", 'delete', 'web1')
        self.ok('unlock', 'web1')
        actions = json_of('actions', 'web1')
        self.assertEqual([actions[0]['action'], actions[-1]['action']], ['unlock', 'create'])
        self.assertRegex(self.ok('actions', 'web1'), r'  reboot by uid:1500  req-\S+\n    compute_reboot_instance  Success')
        self.assertIn('FAKE CONSOLE OUTPUT\n', self.ok('console', '--no-follow', 'web1'))
        self.assertEqual(self.ok('console', '--no-follow', '-n1', 'web1').count('\n'), 0)
        self.assertEqual(json_of('diagnostics', 'web1')['driver'], 'libvirt')
        self.assertRegex(self.ok('diagnostics', 'web1'), r'(?m)^num_cpus: +\d')
        self.assertEqual(json_of('console', '--no-follow', 'web1')['output'].split('\n')[0], 'FAKE CONSOLE OUTPUT')
        self.assertRegex(json_of('console-url', 'web1', 'vnc')['url'], r'\Ahttp://\S+\Z')
        self.assertRegex(self.ok('console-url', 'web1', 'vnc'), r'\Ahttp://\S+\n\Z')
        self.assertEqual(json_of('status', 'web1')[0]['Uuid'], self.uuid)

        self.ok('lock', 'web1')
        self.assertEqual(self.ok('delete', '--force', 'web1'), '')
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
        done = self.refused(FAILED, r"(?m)^novactl: 'first': The instance could not be stopped: .*vm_state stopped", 'stop', 'first', 'second')
        self.assertNotIn('second', done.stderr)
        self.assertEqual(self.states('second'), ('stopped', '', 'shutdown'))
        self.refused(NO_SUCH, "no instance 'third'", 'start', 'third', 'first')
        self.assertEqual(self.states('first')[0], 'active')
        self.refused(FAILED, "no instance 'third'", 'start', 'first', 'third')          # both failed, each in its way
        jobs = json_of('delete', 'first', 'second')
        self.assertEqual([(j['verb'], j['name'], j['result']) for j in jobs], [('delete', 'first', 'done'), ('delete', 'second', 'done')])

    def test_what_several_share_is_the_exit_status(self):
        self.created('web1')
        self.created('web2')
        both = self.ok('show', 'web1', 'web2', '-p', 'DisplayName', '-p', 'VmState')
        self.assertEqual(both, 'DisplayName=web1\nVmState=active\n\nDisplayName=web2\nVmState=active\n')
        self.assertRegex(self.ok('status', '-n0', 'web1', 'web2'), r'(?s)\A● web1 - .*\n\n● web2 - ')
        self.assertRegex(self.ok('status'), r'\n +Instances: 2 \(2 active\)\n')
        for verb, shown in ('show', 'DisplayName=web1\n'), ('status', '● web1 - '):
            done = self.refused(NO_SUCH, r"\Anovactl: no instance 'nix'[^\n]*\nnovactl: no instance 'nox'", verb, 'nix', 'web1', 'nox')
            self.assertIn(shown, done.stdout)
        self.refused(DENIED, "not authorized", 'stop', 'web1', user='bob')
        self.refused(FAILED, "no instance 'nix'", 'stop', 'web1', 'nix', user='bob')    # denied the one, not there the other
        self.assertEqual(self.states('web1'), ('active', '', 'running'))

    def test_what_was_deleted_softly_is_brought_back(self):
        self.created('web1')
        self.assertEqual(self.ok('delete', '--soft', 'web1'), '')
        self.assertEqual(self.states('web1'), ('soft-delete', '', 'shutdown'))
        self.assertRegex(self.ok('list', '--state=soft-delete'), r'\bweb1 soft-delete ')
        self.refused(FAILED, r"\Anovactl: 'web1': The instance could not be started: .*vm_state soft-delete", 'start', 'web1')
        self.refused(DENIED, 'not authorized', 'restore', 'web1', user='bob')
        self.assertEqual(self.ok('restore', 'web1'), '')
        self.assertEqual(self.states('web1'), ('active', '', 'running'))
        self.refused(FAILED, "'web1': The instance could not be restored: .*vm_state active", 'restore', 'web1')

    def test_what_a_rebuild_and_a_rescue_take(self):
        self.created('web1')
        data, secret = b'#!/bin/sh\necho \xff\x00\n', 'n3w pass\n'
        done = run('rebuild', 'web1', 'cirros', '--user-data=-', stdin=data, text=False)
        self.assertEqual((done.returncode, done.stderr), (DONE, b''))
        self.assertEqual(self.stored('web1')['user_data'], base64.b64encode(data).decode())
        for verb in ['rebuild', 'web1'], ['rescue', 'web1', '--image=cirros']:
            done = run(*verb, '--password-file=-', stdin=secret)
            self.assertEqual((done.returncode, done.stderr), (DONE, ''))
        self.assertEqual(self.states('web1')[0], 'rescued')
        self.assertNotIn('n3w pass', self.daemon.text())
        for status, pattern, arguments in ((FAILED, '--user-data: /nix: cannot be opened', ['rebuild', 'web1', '--user-data=/nix']),
                                           (FAILED, '--password-file: /nix: cannot be opened', ['rebuild', 'web1', '--password-file=/nix']),
                                           (FAILED, '--password-file=/dev/null: is empty', ['rescue', 'web1', '--password-file=/dev/null']),
                                           (USAGE, 'rebuild: is no UTF-8 text', ['rebuild', 'web1', b'\xff']),
                                           (USAGE, '--image: is no UTF-8 text', ['rescue', 'web1', b'--image=\xff']),
                                           (USAGE, 'snapshot: is no UTF-8 text', ['snapshot', 'web1', b'\xff'])):
            self.refused(status, pattern, *arguments)
        for content, why in (b'\xff', 'is no UTF-8 text'), (b'a\0b', 'holds a NUL character'), (b'x' * 2000, 'is too long for a password'):
            done = run('set-password', 'web1', '--password-file=-', stdin=content, text=False)
            self.assertEqual(done.returncode, FAILED)
            self.assertRegex(done.stderr.decode(), r'\Anovactl: --password-file[^ ]* ' + why)
        self.assertEqual(self.states('web1')[0], 'rescued')

    def stored(self, name):
        [row] = self.daemon.sql("SELECT object FROM instances WHERE uuid = '%s'" % json_of('show', name)['Uuid'])
        return json.loads(row['object'])['nova_object.data']

    def test_of_backups_the_newest_of_a_type_stay(self):
        self.created('web1')
        before = self.images()
        for image, kind in ('mon', 'daily'), ('week', 'weekly'), ('tue', 'daily'), ('wed', 'daily'):
            self.assertEqual(self.ok('backup', 'web1', image, kind, '2'), '')
        eventually(lambda: self.images() - before == {'tue', 'wed', 'week'}, what='the images that stay')
        [job] = json_of('backup', 'web1', 'thu', 'daily', '0')
        self.assertEqual((job['verb'], job['result']), ('backup', 'done'))
        eventually(lambda: self.images() - before == {'week'}, what='none of a type of which none is kept')
        for keep in 'many', '', '99999999999':
            self.refused(USAGE, r"backup: '%s' is no number of images to keep" % keep, 'backup', 'web1', 'x', 'daily', keep)
        self.refused(DENIED, 'not authorized', 'backup', 'web1', 'x', 'daily', '1', user='bob')
        self.assertEqual(self.images() - before, {'week'})

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
                                   (r'--metadata==: it is KEY=VALUE', ['--metadata==']),
                                   (r'--zone: is no UTF-8 text', [b'--zone=\xff']),
                                   (r'--network=a,b: it is NETWORK or NETWORK,ip=ADDRESS', ['--network=a,b'])):
            self.refused(USAGE, pattern, 'create', 'x', '--image=cirros', '--flavor=tiny', *arguments)
        for key, why in ('/dev/null', 'is empty'), (BINARY, 'is no public key'):
            self.refused(FAILED, r'--public-key=%s: %s' % (key, why), 'create', 'x', '--image=cirros', '--flavor=tiny', '--key-name=k', '--public-key=' + key)
        self.refused(USAGE, 'create: the name is no UTF-8 text', 'create', b'\xff', '--image=cirros', '--flavor=tiny')
        for item in 'x', '=x':
            self.refused(USAGE, "metadata: '%s' is not KEY=VALUE" % item, 'metadata', 'web1', item)
        self.refused(USAGE, 'metadata: is no UTF-8 text', 'metadata', 'web1', b'x=\xff')
        self.refused(USAGE, '--lines=x: it is a number of lines', 'console', 'web1', '--lines=x')
        self.refused(USAGE, 'JSON is for --no-follow', 'console', 'web1', '--json=short')
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
        self.assertEqual(base64.b64decode(self.stored('given')['user_data']), data)
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
        self.daemon.fault('reboot:hang')
        text = self.ok('--no-block', 'reboot', 'web1')
        self.assertRegex(text, r"\Arebooting 'web1': job \d+\n\Z")
        number = text.split()[-1]
        [job] = json_of('jobs', 'web1')
        self.assertEqual((job['job'], job['method'], job['user']), (int(number), 'reboot_instance', 'uid:1500'))
        self.assertRegex(self.ok('jobs'), r'\A *JOB METHOD .*\n *%s reboot_instance web1 +running ' % number)
        self.assertRegex(self.ok('status', 'web1', '-n0'), r'\n +Jobs: %s reboot_instance, running' % number)
        self.assertEqual(self.ok('complete', 'jobs'), number + '\n')
        [job] = json_of('--no-block', 'lock', 'web1')
        self.assertEqual((job['verb'], job['result']), ('lock', None))
        self.assertEqual(json_of('show', number, '-p', 'Id'), {'Id': int(number)})
        self.daemon.fault()
        eventually(lambda: not json_of('jobs'))
        self.assertEqual(self.states('web1'), ('active', '', 'running'))
        self.assertEqual(self.ok('jobs'), 'No jobs.\n')

    def test_a_job_that_waits_can_be_cancelled(self):
        self.created('web1')
        self.daemon.fault('reboot:hang')
        self.ok('--no-block', 'reboot', 'web1')
        waiting = subprocess.Popen([NOVACTL, 'lock', 'web1'], stderr=subprocess.PIPE, text=True, env=environment())
        job = eventually(lambda: [j for j in json_of('jobs') if j['method'] == 'lock_instance'])[0]
        self.assertEqual(self.ok('cancel', str(job['job'])), '')
        self.assertEqual((waiting.wait(20), waiting.stderr.read()), (FAILED, "novactl: locking 'web1': cancelled (job %d)\n" % job['job']))
        waiting.stderr.close()
        # at once: what it waited for is there still
        self.assertEqual([j['method'] for j in json_of('jobs')], ['reboot_instance'])
        self.daemon.fault()
        eventually(lambda: not json_of('jobs'))
        self.assertFalse(json_of('show', 'web1')['Locked'])

    def test_a_dry_run_of_recovery_tells_what_is_open_and_changes_nothing(self):
        one, two = self.created('web1'), self.created('web2')
        self.daemon.fault('power_off:hang')
        self.ok('--no-block', 'stop', 'web1')
        eventually(lambda: json_of('show', 'web1')['TaskState'] == 'powering-off')
        plan = json_of('recover', '--dry-run')
        self.assertEqual([(p['method'], p['instance_uuid']) for p in plan if p['method']], [('stop_instance', one)])
        self.assertIn(plan[0]['action'], ('runs', 'runs again'))
        self.assertEqual([p['instance_uuid'] for p in plan if not p['method']], [one])
        self.assertRegex(self.ok('recover', '--dry-run'), r'\AMETHOD +INSTANCE .*\nstop_instance +%s ' % one)
        self.daemon.fault()
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
        self.assertRegex(told, 'has left the bus meanwhile; it goes on with what it had accepted when it is back')
        self.daemon.fault()
        self.daemon.start()
        eventually(lambda: json_of('list') and self.states('web1') == ('stopped', '', 'shutdown'))

    def test_a_job_that_is_not_begun_for_the_daemon_stops_has_failed(self):
        self.created('web1')
        self.daemon.fault('power_off:slow:3')
        waiting = subprocess.Popen([NOVACTL, 'stop', 'web1'], stderr=subprocess.PIPE, text=True, env=environment())
        eventually(lambda: [j for j in json_of('jobs') if j['state'] == 'running'])
        second = subprocess.Popen([NOVACTL, 'lock', 'web1'], stderr=subprocess.PIPE, text=True, env=environment())
        eventually(lambda: len(json_of('jobs')) == 2)
        self.daemon.stop()
        told = waiting.communicate(timeout=20)[1], second.communicate(timeout=20)[1]
        self.assertIn(waiting.returncode, (DONE, FAILED, UNREACHABLE))
        self.assertEqual(second.returncode, FAILED, told)
        self.assertRegex(told[1], r"\Anovactl: locking 'web1' failed: lock_instance was not begun: the service stops \[NovaException\] \(job \d+\)\n\Z")
        self.daemon.fault()
        self.daemon.start()
        eventually(lambda: json_of('list') and not json_of('jobs') and self.states('web1') == ('stopped', '', 'shutdown'))
        self.assertFalse(json_of('list')[0]['locked'])

    def test_a_job_whose_outcome_could_not_be_recorded_is_left_and_goes_on_at_the_next_start(self):
        self.created('web1')
        self.daemon.fault('power_off:hang')
        waiting = subprocess.Popen([NOVACTL, '--json=short', 'stop', 'web1'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment())
        [job] = eventually(lambda: [j for j in json_of('jobs') if j['state'] == 'running'], what='the stop')
        wal = self.daemon.database() + '-wal'                   # goes on to be written, and cannot be synced
        os.chown(wal, 0, 0)
        os.chmod(wal, 0o600)
        self.daemon.fault()
        out, told = waiting.communicate(timeout=20 * SLOW)
        self.assertEqual((waiting.returncode, told), (FAILED, "novactl: stopping 'web1': has no outcome yet, the daemon goes on with it at its next "
                                                      'start (job %d)\n' % job['job']))
        [ended] = json.loads(out)
        self.assertEqual((ended['verb'], ended['name'], ended['job'], ended['result'], ended['error']), ('stop', 'web1', job['job'], 'left', ''))
        self.daemon.wait_logged('The outcome of stop_instance could not be recorded')
        shutil.chown(wal, 'nova', 'nova')
        self.daemon.stop()
        self.daemon.start()
        self.daemon.wait_logged('Request [0-9]+ of an earlier run, stop_instance of instance')
        eventually(lambda: json_of('list') and not json_of('jobs') and self.states('web1') == ('stopped', '', 'shutdown'), 20)

    def test_a_console_that_is_followed_ends_with_its_instance(self):
        self.created('web1')
        following = subprocess.Popen([NOVACTL, 'console', 'web1'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.assertEqual(following.stdout.readline(), 'FAKE CONSOLE OUTPUT\n')
        self.ok('delete', 'web1')
        told = following.communicate(timeout=20)[1]
        self.assertEqual((following.returncode, told), (DONE, "novactl: console of 'web1': the instance is gone\n"))

    def test_a_daemon_that_goes_ends_the_following_of_a_console(self):
        self.created('web1')
        t = self.terminal('console', 'web1', '-n1')
        t.expect('LAST LINE')
        t.type('\x03')
        self.assertEqual(t.end(), DONE)
        self.assertNotIn('ANOTHER', t.output)
        for name, end in ('killed', self.daemon.kill), ('stopped', self.daemon.stop):
            self.created(name)
            t = self.terminal('console', name)
            t.expect('FAKE CONSOLE OUTPUT')             # what was written before
            end()
            self.assertEqual(t.end(), UNREACHABLE)
            t.expect("novactl: console of '%s': nova-compute has left the bus" % name)
            self.daemon.start()
            eventually(lambda: json_of('list'))

    def test_a_signal_ends_the_waiting_as_ctrl_c_does(self):
        self.created('web1')
        for number in signal.SIGTERM, signal.SIGHUP:
            self.daemon.fault('reboot:hang')
            waiting = subprocess.Popen([NOVACTL, 'reboot', 'web1'], stderr=subprocess.PIPE, text=True, env=environment())
            eventually(lambda: [j for j in json_of('jobs') if j['state'] == 'running'])
            eventually(lambda: takes_signal(waiting.pid, number), what='a process that waits')
            waiting.send_signal(number)
            told = waiting.communicate(timeout=20)[1]
            self.assertEqual(waiting.returncode, INTERRUPTED)
            self.assertRegex(told, r"\Anovactl: job (\d+) goes on; 'novactl cancel \1' asks it to stop\n\Z")
            self.daemon.fault()
            eventually(lambda: not json_of('jobs'))

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

    def test_monitor_of_one_instance_is_about_that_and_its_jobs(self):
        one, _ = self.created('web1'), self.created('web2')
        self.daemon.fault('reboot:hang')
        before = self.ok('--no-block', 'reboot', 'web1').split()[-1]
        process, text = self.watching('--json=short', 'web1')
        eventually(lambda: takes_signal(process.pid, signal.SIGINT), what='the monitor')
        self.daemon.fault()
        eventually(lambda: '"ended"' in text())
        self.ok('stop', 'web2'), self.ok('report-state'), self.ok('stop', 'web1')
        eventually(lambda: text().count('"ended"') == 2)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), DONE)
        events = [json.loads(line) for line in text().splitlines()]
        self.assertEqual({e['name'] for e in events if e['object'] == 'instance'}, {'web1'})
        self.assertEqual({e['object'] for e in events}, {'instance', 'job'})
        jobs = [(e['name'], e['event']) for e in events if e['object'] == 'job']
        self.assertIn((before, 'ended'), jobs)
        [number] = [e['name'] for e in events if e['event'] == 'begun']
        self.assertEqual([e['details']['instance_uuid'] for e in events if e['event'] == 'ended'], [one, one])
        self.assertIn((number, 'changed'), jobs)

    def test_monitor_tells_of_a_daemon_that_goes_and_comes(self):
        process, text = self.watching()
        self.daemon.stop()
        self.daemon.start()
        eventually(lambda: 'is on the bus' in text())
        self.assertRegex(text(), r'(?s)service  nova-compute  has left the bus\n.*service  nova-compute  is on the bus\n')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), DONE)

    def test_monitor_prints_what_happens(self):
        process, text = self.watching('--json=pretty')
        human_process, human = self.watching()
        one = self.created('web1')
        self.ok('stop', 'web1')
        self.ok('delete', 'web1')
        eventually(lambda: '"removed"' in text() and text().count('"ended"') >= 3 and 'is gone' in human())      # the last job may end behind its instance
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


class Inside(OnGuests):
    """What needs a guest that listens, a network, or an operation that hangs. Networks of the host's own only root may make in the sandbox."""
    user = None
    options = {**OnGuests.options, 'stall_timeout': '1',
               'network': ['name=private, cidr=10.1.0.0/24, bridge=br-ctl1', 'name=public, cidr=192.0.2.0/24, bridge=br-ctl2']}

    @classmethod
    def make(cls, host, **more):
        daemon = super().make(host, **more)
        daemon.user = cls.user
        return daemon

    def test_what_is_asked_of_a_guest(self):
        self.created('web1', '--network=private')
        for verb in 'quiesce', 'unquiesce', 'reset-network':
            self.refused(DENIED, 'not authorized for org.nova.compute1.change-guests', verb, 'web1', user='bob')
            [job] = json_of(verb, 'web1')
            self.assertEqual((job['verb'], job['name'], job['result']), (verb, 'web1', 'done'))
        self.refused(FAILED, r"unquiescing 'web1' failed: Instance \S+ in power_state running.*\[InstanceInvalidState\] \(job \d+\)", 'unquiesce', 'web1')

        self.assertEqual(self.ok('inject-file', 'web1', '/etc/hostname', '/etc/motd'), '')
        self.assertEqual(self.ok('inject-file', 'web1', '-', '/root/x', stdin='text'), '')
        self.refused(FAILED, r"\Anovactl: 'web1': The file could not be written: path must begin with /", 'inject-file', 'web1', '/etc/hostname', 'motd')
        self.refused(FAILED, 'inject-file: /nix: cannot be opened: No such file', 'inject-file', 'web1', '/nix', '/x')
        self.refused(FAILED, 'inject-file: /: cannot be read: Is a directory', 'inject-file', 'web1', '/', '/x')
        self.refused(FAILED, 'inject-file: /dev/zero: is larger than 1 MiB', 'inject-file', 'web1', '/dev/zero', '/x')
        self.refused(USAGE, 'inject-file: is no UTF-8 text', 'inject-file', 'web1', '/etc/hostname', b'/\xff')
        self.refused(DENIED, 'not authorized', 'inject-file', 'web1', '/etc/hostname', '/x', user='bob')

        self.refused(DENIED, 'not authorized', 'crash-dump', 'web1', user='bob')
        self.assertEqual(self.ok('crash-dump', 'web1'), '')
        self.assertEqual(self.states('web1'), ('active', '', 'crashed'))
        self.refused(FAILED, r"interrupting 'web1' failed: Instance \S+ in power_state crashed", 'crash-dump', 'web1')

    def test_an_interface_more_and_less(self):
        self.created('web1', '--network=private,ip=10.1.0.77')
        self.assertEqual(json_of('list')[0]['addresses'], ['10.1.0.77/24'])
        self.assertEqual(self.ok('attach-interface', 'web1', 'public', '--fixed-ip=192.0.2.9'), '')
        eventually(lambda: len(json_of('show', 'web1')['Networks']) == 2)
        self.assertRegex(self.ok('list'), r' 10\.1\.0\.77 192\.0\.2\.9 ')
        one, two = json_of('show', 'web1')['Networks']
        self.assertRegex(self.ok('status', 'web1', '-n0'), r'\n +Networks: private  %s  10\.1\.0\.77/24\n +public  %s  192\.0\.2\.9/24\n'
                         % (one['mac'], two['mac']))
        self.assertRegex(self.ok('networks'), r'\ANAME +UUID\nprivate +\S+\npublic +\S+\n\n2 networks listed\.\n\Z')

        self.refused(FAILED, r"'web1': No interface could be attached: Network office could not be found", 'attach-interface', 'web1', 'office')
        self.refused(FAILED, r"'web1': No interface could be attached: fixed_ip 'nix' is no address", 'attach-interface', 'web1', 'public', '--fixed-ip=nix')
        self.refused(FAILED, r"attaching an interface to 'web1' failed: .*\[FixedIpAlreadyInUse\]", 'attach-interface', 'web1', 'public', '--fixed-ip=192.0.2.9')
        self.refused(USAGE, '--fixed-ip: is no UTF-8 text', 'attach-interface', 'web1', 'public', b'--fixed-ip=\xff')
        self.refused(FAILED, r"'web1': The interface could not be detached: there is none 'fa:16:3e:00:00:01'", 'detach-interface', 'web1', 'fa:16:3e:00:00:01')
        for arguments in ['attach-interface', 'web1', 'public'], ['detach-interface', 'web1', two['mac']]:
            self.refused(DENIED, 'not authorized', *arguments, user='bob')
        self.assertEqual(len(json_of('show', 'web1')['Networks']), 2)

        self.assertEqual(self.ok('detach-interface', 'web1', two['mac'].upper()), '')
        eventually(lambda: json_of('show', 'web1')['Networks'] == [one])
        self.ok('detach-interface', 'web1', one['port'])
        eventually(lambda: json_of('show', 'web1')['Networks'] == [])

    def test_an_operation_beyond_its_deadline_is_stalled(self):
        one = self.created('web1', '--network=private')
        self.daemon.fault('reboot:slow:2')
        text = self.ok('--no-block', 'reboot', '--hard', 'web1')
        number = int(text.split()[-1])
        [row] = eventually(lambda: json_of('stalled'), what='the stalled reboot')
        self.assertEqual((row['method'], row['instance'], row['job']), ('reboot_instance', one, number))
        self.assertGreaterEqual(row['usec'], 1000000)
        self.assertRegex(self.ok('stalled', user='bob'), r'\AMETHOD +INSTANCE +RUNS FOR JOB\nreboot_instance %s +1s +%d\n\n1 stalled operation listed\.\n\Z' % (one, number))
        self.assertTrue(json_of('jobs')[0]['stalled'])
        eventually(lambda: not json_of('jobs'))
        self.assertEqual(json_of('stalled'), [])


if __name__ == '__main__':
    unittest.main()
