"""The periodic tasks of the real daemon on the fake driver: what each does, through the way of every request, and that its
switch switches it off; drift told once; claims; and who this host is. What happens to a guest behind the daemon's back is
written into the driver's file of guests while the daemon is away."""
import contextlib
import json
import os
import re
import sqlite3
import sys
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import Host, eventually, quoted, shared_broker  # noqa: E402
from computeclient import Cloud  # noqa: E402

RUNNING, PAUSED, OFF = 1, 3, 4
# each task within a second, and nothing else going on
QUICK = {'periodic_interval': '1', 'sync_power_state_interval': '1', 'running_deleted_instance_poll_interval': '1',
         'instance_delete_interval': '1', 'stub_network': 'true'}


class OnPeriodicHost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = shared_broker()
        cls.vhost = cls.broker.vhost('periodic-' + uuid.uuid4().hex[:8])
        cls.addClassCleanup(lambda: cls.broker.http('DELETE', 'vhosts/' + quoted(cls.vhost)))
        cls.url = cls.broker.url(cls.vhost)

    def host(self, vcpus='64', start=True, **options):
        """A daemon with its periodic tasks every second but for what @options say, and Nova's client of it."""
        self.daemon = Host(self.url, user='nova', options={**QUICK, **{k: v for k, v in options.items() if v is not None}},
                           groups={'fake': {'vcpus': vcpus, 'memory_mb': '65536', 'local_gb': '4000'}})
        self.addCleanup(self.daemon.close)
        self.guests_file = os.path.join(self.daemon.folder, 'guests')
        self.daemon.groups['fake']['guests_file'] = self.guests_file
        self.cloud = Cloud(self.url, host='testhost', database=self.daemon.database())
        if start:
            self.daemon.start()
        return self.daemon

    def built(self, **fields):
        guest = self.cloud.build(**fields)
        self.cloud.wait(guest, 'active')
        return guest

    def fault_of(self, guest):
        """Its fault, which is written after the states."""
        return eventually(lambda: self.cloud.faults(guest))[0]['message']

    # --- the hypervisor, behind the daemon's back ------------------------------------------------------------

    def guests(self):
        """{uuid: the guest as the driver has it}"""
        found = {}
        with open(self.guests_file, encoding='utf-8') as f:
            for line in f:
                guest = json.loads(line)
                found[guest['uuid']] = guest
        return {u: g for u, g in found.items() if 'name' in g}

    @contextlib.contextmanager
    def away(self):
        """While the daemon is away; afterwards it runs again."""
        self.daemon.stop()
        yield
        self.since = len(self.daemon.text())
        self.daemon.start()

    def put_guest(self, which, **fields):
        guest = self.guests().get(which) or {'uuid': which, 'name': 'stranger', 'state': RUNNING, 'memory_mb': 1, 'vcpus': 1, 'disk_gb': 0,
                                             'root_gb': 0, 'volumes': {}, 'interfaces': {}, 'metadata': {}}
        guest.update(fields)
        with open(self.guests_file, 'a', encoding='utf-8') as f:
            f.write(json.dumps(guest) + '\n')

    def drop_guest(self, which):
        with open(self.guests_file, 'a', encoding='utf-8') as f:
            f.write(json.dumps({'uuid': which}) + '\n')

    def ticks(self, number=3):
        """Until every task has had its turn so many times more."""
        def runs():
            return self.daemon.text().count('Running periodic task nova.compute.manager.ComputeManager._check_instance_build_time')
        wanted = runs() + number
        eventually(lambda: runs() >= wanted, 10 + 2 * number, '%d ticks' % number)

    def lines(self, pattern):
        return re.findall(pattern, self.daemon.text()[getattr(self, 'since', 0):])

    def requests(self, method):
        """(origin, state) of the journalled requests of that name."""
        path = os.path.join(self.daemon.state, 'nova-journal.sqlite')
        with contextlib.closing(sqlite3.connect('file:%s?mode=ro' % path, uri=True, timeout=5)) as c:
            return c.execute('SELECT origin, state FROM requests WHERE method = ? ORDER BY id', (method,)).fetchall()


class Tasks(OnPeriodicHost):
    def test_a_guest_that_went_off_is_stopped_as_by_its_user(self):
        self.host()
        guest, other = self.built(), self.built()
        with self.away():
            self.put_guest(guest.uuid, state=OFF)
        row = self.cloud.wait(guest, 'stopped')
        self.assertEqual(row['power_state'], OFF)
        self.assertEqual(self.cloud.actions(guest)[-1], ('stop', None, [('compute_stop_instance', 'Success')]))
        eventually(lambda: self.requests('stop_instance') == [('periodic', 'done')])
        self.assertEqual(self.cloud.states(other), ('active', None, RUNNING))
        self.ticks()
        self.assertEqual(self.requests('stop_instance'), [('periodic', 'done')])

    def test_a_guest_that_runs_though_it_is_stopped_is_stopped(self):
        self.host()
        guest = self.built()
        self.cloud.stop(guest)
        self.cloud.wait(guest, 'stopped')
        with self.away():
            self.put_guest(guest.uuid, state=RUNNING)
        eventually(lambda: self.guests()[guest.uuid]['state'] == OFF)
        eventually(lambda: self.cloud.states(guest) == ('stopped', None, OFF))

    def test_power_states_are_left_alone_when_that_is_off(self):
        self.host(sync_power_state_interval='-1')
        guest = self.built()
        with self.away():
            self.put_guest(guest.uuid, state=OFF)
        self.ticks()
        self.assertEqual(self.cloud.states(guest), ('active', None, RUNNING))
        self.assertEqual(self.requests('stop_instance'), [])

    def deleted_row(self, **options):
        """A guest whose row was deleted behind the daemon's back."""
        self.host(**options)
        guest = self.built()
        with self.away():
            self.daemon.change("UPDATE instances SET deleted = 1, vm_state = 'deleted', deleted_at = '2026-01-01 00:00:00.000000' "
                               "WHERE uuid = '%s'" % guest.uuid)
        return guest.uuid

    def test_guests_of_deleted_rows_are_reaped(self):
        gone = self.deleted_row()
        eventually(lambda: gone not in self.guests())
        eventually(lambda: self.requests('_reap_deleted_instance') == [('periodic', 'done')])

    def test_guests_of_deleted_rows_are_switched_off(self):
        off = self.deleted_row(running_deleted_instance_action='shutdown')
        eventually(lambda: self.guests()[off]['state'] == OFF)
        self.ticks()
        self.assertEqual(len(self.requests('_shutdown_deleted_instance')), 1)

    def test_guests_of_deleted_rows_are_named_once(self):
        kept = self.deleted_row(running_deleted_instance_action='log')
        self.ticks()
        self.assertEqual(len(self.lines(r'Detected instance with name label .* \(%s\) which is marked as DELETED' % kept)), 1)
        self.assertEqual(self.guests()[kept]['state'], RUNNING)

    def test_guests_of_deleted_rows_are_left_alone(self):
        for options in ({'running_deleted_instance_action': 'noop'}, {'running_deleted_instance_poll_interval': '0'},
                        {'running_deleted_instance_timeout': '100000000'}):
            with self.subTest(options):
                kept = self.deleted_row(**options)
                self.ticks()
                self.assertEqual(self.guests()[kept]['state'], RUNNING)
                self.assertEqual(self.requests('_reap_deleted_instance'), [])
                self.daemon.stop()

    def test_soft_deleted_instances_are_reclaimed_after_their_time(self):
        self.host(reclaim_instance_interval='2')
        guest = self.built()
        self.cloud.soft_delete(guest)
        self.cloud.wait(guest, 'soft-delete')
        row = self.cloud.wait_gone(guest)
        self.assertEqual(row['vm_state'], 'deleted')
        self.assertNotIn(guest.uuid, self.guests())
        eventually(lambda: self.requests('terminate_instance') == [('periodic', 'done')])

    def test_soft_deleted_instances_stay_without_that_time(self):
        self.host()
        guest = self.built()
        self.cloud.soft_delete(guest)
        self.cloud.wait(guest, 'soft-delete')
        self.ticks()
        self.assertEqual(self.cloud.states(guest)[0], 'soft-delete')
        self.cloud.restore(guest)
        self.cloud.wait(guest, 'active')

    def hanging_reboot(self, **options):
        self.host(**options)
        guest = self.built()
        self.daemon.change("UPDATE instances SET task_state = 'reboot_started', updated_at = '2026-01-01 00:00:00.000000' "
                           "WHERE uuid = '%s'" % guest.uuid)
        return guest

    def test_a_reboot_that_hangs_is_done_hard(self):
        guest = self.hanging_reboot(reboot_timeout='5')
        self.cloud.wait(guest, 'active')
        self.assertEqual(self.cloud.actions(guest)[-1], ('reboot', None, [('compute_reboot_instance', 'Success')]))
        self.assertEqual(self.requests('reboot_instance'), [('periodic', 'done')])

    def test_a_reboot_may_hang_without_that_time(self):
        guest = self.hanging_reboot()
        self.ticks()
        self.assertEqual(self.cloud.states(guest)[1], 'reboot_started')

    def test_a_build_that_takes_too_long_is_an_error_and_leaves_nothing(self):
        self.host(instance_build_timeout='2')
        self.daemon.fault('spawn:hang')
        guest = self.cloud.build()
        self.cloud.wait(guest, 'error')
        self.assertEqual(self.fault_of(guest), 'Instance build timed out. Set to error state.')
        # the build itself finds out when the driver lets it go
        self.daemon.fault()
        eventually(lambda: self.requests('build_and_run_instance')[0][1] in ('done', 'failed'))
        self.assertEqual(self.cloud.states(guest)[:2], ('error', None))
        self.assertNotIn(guest.uuid, self.guests())

    def test_a_build_may_take_any_time_without_that(self):
        self.host()
        self.daemon.fault('spawn:hang')
        guest = self.cloud.build()
        self.cloud.wait(guest, 'building', 'spawning')
        self.ticks()
        self.assertEqual(self.cloud.states(guest)[:2], ('building', 'spawning'))
        self.daemon.fault()
        self.cloud.wait(guest, 'active')

    def test_resources_are_updated_and_only_what_changed_is_written(self):
        d = self.host()
        self.built()
        self.ticks(2)
        node = d.sql('SELECT * FROM compute_nodes')[0]
        self.assertEqual((node['memory_mb_used'], node['vcpus_used'], node['local_gb_used'], node['running_vms']), (512 + 64, 1, 1, 1))
        self.ticks(2)
        self.assertEqual(d.sql('SELECT updated_at FROM compute_nodes')[0]['updated_at'], node['updated_at'])
        d.change('UPDATE compute_nodes SET memory_mb_used = 7')
        eventually(lambda: d.sql('SELECT memory_mb_used AS n FROM compute_nodes')[0]['n'] == 576)

    def test_resources_are_not_updated_when_that_is_off(self):
        d = self.host(update_resources_interval='-1')
        d.change('UPDATE compute_nodes SET memory_mb_used = 7')
        self.ticks()
        self.assertEqual(d.sql('SELECT memory_mb_used AS n FROM compute_nodes')[0]['n'], 7)

    def left_over_files(self, **options):
        self.host(**options)
        guest = self.built()
        self.cloud.terminate(guest)
        self.cloud.wait_gone(guest)
        with self.away():
            for name in (guest.uuid + '_del', '_base', str(uuid.uuid4()) + '_del'):
                os.mkdir(os.path.join(self.daemon.state, 'instances', name))
        return guest.uuid

    def test_files_that_cannot_be_removed_are_tried_a_few_times(self):
        left = self.left_over_files(maximum_instance_delete_attempts='2')
        self.daemon.wait_logged('ERROR .*The files of deleted instance %s could not be removed in 2 attempts: they stay' % left)
        self.ticks()
        self.assertEqual(self.requests('_remove_deleted_files'), [('periodic', 'failed')] * 2)
        self.assertEqual(len(self.lines('could not be removed in 2 attempts')), 1)

    def test_files_are_left_alone_when_that_is_off(self):
        self.left_over_files(instance_delete_interval='-1')
        self.ticks()
        self.assertEqual(self.requests('_remove_deleted_files'), [])


class Drift(OnPeriodicHost):
    def test_each_case_is_told_once_by_its_name_and_when_it_is_over(self):
        self.host(running_deleted_instance_action='noop', instance_delete_interval='-1')
        missing, paused, well = self.built(), self.built(), self.built()
        stranger, directory = str(uuid.uuid4()), str(uuid.uuid4())
        with self.away():
            self.drop_guest(missing.uuid)
            self.put_guest(paused.uuid, state=PAUSED)
            self.put_guest(stranger)
            os.mkdir(os.path.join(self.daemon.state, 'instances', directory))
        told = (r'WARNING .*Instance %s \(\S+\) is active but the hypervisor has no such guest' % missing.uuid,
                r'WARNING .*Instance %s \(\S+\) is active but its guest is paused' % paused.uuid,
                r'WARNING .*The hypervisor has a guest %s that is no instance of this host; it is left alone' % stranger,
                r'WARNING .*The directory \S+/%s belongs to no instance of this host' % directory)
        for line in told:
            self.daemon.wait_logged(line, since=self.since)
        self.ticks()
        for line in told:
            self.assertEqual(len(self.lines(line)), 1, line)
        self.assertEqual(self.lines('WARNING .*%s' % well.uuid), [])
        self.assertIn(stranger, self.guests())

        os.rmdir(os.path.join(self.daemon.state, 'instances', directory))
        self.cloud.terminate(missing)
        self.cloud.wait_gone(missing)
        self.daemon.wait_logged(r'INFO .*No more so: The directory \S+/%s' % directory, since=self.since)
        self.daemon.wait_logged(r'INFO .*No more so: Instance %s' % missing.uuid, since=self.since)


class Claims(OnPeriodicHost):
    def test_a_full_host_refuses_in_novas_words_until_there_is_room(self):
        d = self.host(vcpus='1', cpu_allocation_ratio='2.0')
        first, second = self.built(), self.built()
        third = self.cloud.build()
        self.cloud.wait(third, 'error')
        self.assertIn('Insufficient compute resources: Free vcpu 0.00 VCPU < requested 1 VCPU.', self.fault_of(third))
        self.assertIsNone(self.cloud.row(third)['host'])
        self.assertNotIn(third.uuid, self.guests())
        node = "SELECT vcpus_used, json_extract(stats, '$.failed_builds') AS failed FROM compute_nodes"
        eventually(lambda: d.sql(node)[0] == {'vcpus_used': 2, 'failed': '1'})

        self.cloud.terminate(first)
        self.cloud.wait_gone(first)
        self.built()
        eventually(lambda: d.sql(node)[0] == {'vcpus_used': 2, 'failed': '0'})
        self.assertEqual(self.cloud.states(second), ('active', None, RUNNING))

    def test_limits_of_the_scheduler_are_kept(self):
        self.host()
        guest = self.cloud.build(limits={'memory_mb': 575.0})
        self.cloud.wait(guest, 'error')
        self.assertIn('Free memory 63.00 MB < requested 64 MB', self.fault_of(guest))
        self.built(limits={'memory_mb': 576.0})


class Identity(OnPeriodicHost):
    def identity(self):
        with open(os.path.join(self.daemon.state, 'compute_id'), encoding='ascii') as f:
            return f.read()

    def put_identity(self, text):
        path = os.path.join(self.daemon.state, 'compute_id')
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)

    def refused(self, pattern):
        """It ends by itself with the status of a lasting failure, and the instances are as they were."""
        before = self.daemon.sql('SELECT uuid, vm_state, task_state, host, deleted FROM instances'), self.guests()
        nodes = self.daemon.sql('SELECT uuid, host, hypervisor_hostname, deleted FROM compute_nodes')
        since = len(self.daemon.text())
        self.daemon.launch()
        self.assertEqual(self.daemon.wait(), 1)
        self.assertRegex(self.daemon.text()[since:], pattern)
        self.assertEqual((self.daemon.sql('SELECT uuid, vm_state, task_state, host, deleted FROM instances'), self.guests()), before)
        self.assertEqual(self.daemon.sql('SELECT uuid, host, hypervisor_hostname, deleted FROM compute_nodes'), nodes)

    def test_a_changed_identity_is_refused_and_nothing_is_touched(self):
        d = self.host()
        first = self.identity()
        self.assertEqual(d.sql('SELECT uuid FROM compute_nodes')[0]['uuid'], first)
        self.assertEqual(len(first), 36)
        guest = self.built()
        d.stop()
        # one whose deletion had begun: on another host's database it would be destroyed
        d.change("UPDATE instances SET task_state = 'deleting'")

        d.configure(host='renamed')
        self.refused(r'CRITICAL .*knows this host.s node %s by host testhost, not renamed' % first)
        d.configure(host='testhost')
        d.groups['fake']['nodes'] = 'renamed'
        self.refused(r'CRITICAL .*knows this host.s node %s as testhost, the hypervisor calls it renamed' % first)
        del d.groups['fake']['nodes']
        other = str(uuid.uuid4())
        self.put_identity(other)
        self.refused(r'CRITICAL .*says that this host.s node is %s, the database that it is %s' % (other, first))
        self.put_identity('nonsense')
        self.refused(r'CRITICAL .*compute_id does not hold the uuid')

        d.change("UPDATE instances SET task_state = NULL")
        os.unlink(os.path.join(d.state, 'compute_id'))
        d.start()
        self.assertEqual(self.identity(), first)
        self.assertEqual(self.cloud.states(guest), ('active', None, RUNNING))
        d.wait_logged('WARNING .*compute_id was missing; it is written again')

    def test_the_node_of_a_lost_database_keeps_its_uuid(self):
        d = self.host()
        first = self.identity()
        d.stop()
        for name in os.listdir(d.state):
            if name.startswith('nova.sqlite'):
                os.unlink(os.path.join(d.state, name))
        d.start()
        self.assertEqual((self.identity(), d.sql('SELECT uuid FROM compute_nodes')[0]['uuid']), (first, first))


if __name__ == '__main__':
    unittest.main()
