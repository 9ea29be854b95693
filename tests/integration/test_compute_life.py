"""Guests of the fake driver from their build to their end, asked for by Nova's own client (nova.compute.rpcapi with
nova.objects) over a real broker, and by Essex's messages; judged by the store, the answers and the driver."""
import json
import os
import sys
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import OnHost, eventually, failure  # noqa: E402
from computeclient import Cloud  # noqa: E402


class OnCloud(OnHost):
    """A host, and Nova's client of it."""
    groups = {'fake': {'vcpus': '64', 'memory_mb': '65536', 'local_gb': '4000'}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cloud = Cloud(cls.url, host=cls.host, database=cls.daemon.database())
        cls.addClassCleanup(cls.cloud.close)

    def setUp(self):
        self.daemon.fault()
        self.addCleanup(self.daemon.fault)

    def built(self, **fields):
        guest = self.cloud.build(**fields)
        self.cloud.wait(guest, 'active')
        return guest

    def assertStates(self, guest, *states):
        self.assertEqual(self.cloud.states(guest), states)

    def assertGone(self, guest):
        """No row that lives, no task."""
        row = self.cloud.wait_gone(guest)
        self.assertEqual((row['vm_state'], row['task_state'], row['power_state'], row['cleaned']), ('deleted', None, 0, 1))
        self.assertIsNotNone(row['terminated_at'])
        self.assertIsNotNone(row['deleted_at'])

    def assertFailed(self, guest, pattern, code=None):
        """In error, of no host, with one fault that says why and no path of this host in its details."""
        row = self.cloud.wait(guest, 'error')
        self.assertEqual((row['host'], row['node'], row['launched_on'], row['power_state']), (None, None, None, 0))
        faults = eventually(lambda: self.cloud.faults(guest))
        self.assertEqual(len(faults), 1, faults)
        self.assertRegex(faults[0]['message'], pattern)
        self.assertNotIn(self.daemon.state, faults[0]['details'] or '')
        if code:
            self.assertEqual(faults[0]['code'], code)
        return faults[0]

    def ended(self, guest, n):
        """Waits until n events of it have ended; its actions."""
        def all_ended():
            actions = self.cloud.actions(guest)
            results = [result for _, _, events in actions for _, result in events]
            return len(results) >= n and None not in results and actions
        return eventually(all_ended)


class ByValue(OnCloud):
    """Zed's client."""

    def test_a_guest_from_its_build_to_its_end(self):
        c = self.cloud
        guest = c.build(metadata={'role': 'web'}, display_name='first')
        row = c.wait(guest, 'active')
        self.assertEqual((row['power_state'], row['host'], row['launched_on'], row['display_name'], row['memory_mb']),
                         (1, self.host, self.host, 'first', 64))
        self.assertIsNotNone(row['launched_at'])
        self.assertEqual(row['name'], 'instance-%08x' % row['id'])

        c.stop(guest)
        self.assertEqual(c.wait(guest, 'stopped')['power_state'], 4)
        c.start(guest)
        self.assertEqual(c.wait(guest, 'active')['power_state'], 1)
        c.reboot(guest)
        self.ended(guest, 4)
        self.assertStates(guest, 'active', None, 1)
        c.reboot(guest, 'HARD')
        self.ended(guest, 5)
        self.assertStates(guest, 'active', None, 1)
        c.pause(guest)
        self.assertEqual(c.wait(guest, 'paused')['power_state'], 3)
        c.unpause(guest)
        self.assertEqual(c.wait(guest, 'active')['power_state'], 1)
        c.suspend(guest)
        self.assertEqual(c.wait(guest, 'suspended')['power_state'], 7)
        c.resume(guest)
        self.assertEqual(c.wait(guest, 'active')['power_state'], 1)
        c.terminate(guest)
        self.assertGone(guest)
        self.assertEqual(c.faults(guest), [])
        self.assertEqual(self.ended(guest, 10), [
            (action, None, [(event, 'Success')]) for action, event in (
                ('create', 'compute__do_build_and_run_instance'), ('stop', 'compute_stop_instance'),
                ('start', 'compute_start_instance'), ('reboot', 'compute_reboot_instance'), ('reboot', 'compute_reboot_instance'),
                ('pause', 'compute_pause_instance'), ('unpause', 'compute_unpause_instance'),
                ('suspend', 'compute_suspend_instance'), ('resume', 'compute_resume_instance'),
                ('delete', 'compute_terminate_instance'))])

    def test_what_is_kept_is_an_instance_to_nova(self):
        guest = self.built(metadata={'role': 'db'}, user_data='IyEvYmluL3NoCg==', key_name='k')
        stored = self.cloud.stored(guest.uuid)
        self.assertEqual((stored.metadata, stored.user_data, stored.key_name, stored.flavor.name, stored.flavor.memory_mb),
                         ({'role': 'db'}, 'IyEvYmluL3NoCg==', 'k', 'm1.tiny', 64))
        self.assertEqual(stored.system_metadata['boot_roles'], 'member,reader')
        self.assertEqual(stored.system_metadata['image_base_image_ref'], 'cirros')
        self.assertEqual(stored.root_device_name, '/dev/vda')
        # and works as one, sent by value
        self.cloud.stop(stored)
        self.cloud.wait(guest, 'stopped')

    def test_a_soft_deletion_and_its_way_back(self):
        c, guest = self.cloud, self.built()
        c.soft_delete(guest)
        row = c.wait(guest, 'soft-delete')
        self.assertEqual(row['power_state'], 4)
        self.assertIsNotNone(row['deleted_at'])
        self.assertEqual(row['deleted'], 0)
        c.start(guest)                                          # not from here
        c.restore(guest)
        row = c.wait(guest, 'active')
        self.assertEqual((row['power_state'], row['deleted_at']), (1, None))
        self.assertEqual([a[0] for a in self.ended(guest, 3)], ['create', 'delete', 'restore'])

    def test_a_stop_by_call_is_answered_when_it_is_done_and_refused_in_novas_words(self):
        import nova.exception
        c, guest = self.cloud, self.built()
        self.assertIsNone(c.send('stop_instance', guest, do_cast=False))
        self.assertStates(guest, 'stopped', None, 4)
        with self.assertRaises(nova.exception.InstanceInvalidState) as caught:
            c.send('stop_instance', guest, do_cast=False)
        self.assertEqual(str(caught.exception.args[0]), 'Instance %s in vm_state stopped. Cannot stop while the instance is in this'
                         ' state.' % guest.uuid)
        self.assertEqual(caught.exception.kwargs['method'], 'stop')
        self.assertEqual(c.faults(guest), [])

    def test_an_unknown_instance_is_not_found_and_its_termination_is_nothing_to_do(self):
        import nova.exception
        stranger = self.cloud.instance(host='elsewhere', vm_state='active', task_state=None)
        with self.assertRaises(nova.exception.InstanceNotFound):
            self.cloud.api.stop_instance(self.cloud.context(), self.at(stranger), do_cast=False)
        self.cloud.api.terminate_instance(self.cloud.context(), self.at(stranger), None)
        self.connect().ping()
        self.assertIsNone(self.cloud.row(stranger.uuid))

    def at(self, instance):
        """Sent here whatever its host says."""
        class Here:
            def __init__(self, to):
                self.host = to
        here = Here(self.host)
        here.obj_to_primitive = instance.obj_to_primitive
        import nova.objects.base
        here.__class__ = type('Here', (nova.objects.base.NovaObject,), {
            'obj_to_primitive': lambda s, *a, **k: instance.obj_to_primitive(*a, **k), 'host': self.host, '__getitem__': None})
        return here

    def test_a_guest_of_a_python_compute_is_adopted(self):
        c = self.cloud
        guest = c.instance(host=self.host, node=self.host, launched_on=self.host, vm_state='active', task_state=None, power_state=1, id=4711)
        c.reboot(guest, 'HARD')                                 # no guest is there: it fails, but the instance is known
        row = eventually(lambda: c.row(guest))
        self.assertEqual((row['id'], row['name'], row['memory_mb'], row['host']), (4711, 'instance-%08x' % 4711, 64, self.host))
        c.terminate(guest)
        self.assertGone(guest)

    def test_only_what_a_message_changed_is_taken(self):
        c, guest = self.cloud, self.built(display_name='old')
        stale = c.stored(guest.uuid)
        stale.vm_state, stale.power_state = 'error', 6
        stale.obj_reset_changes(['vm_state', 'power_state'])
        stale.display_name = 'new'
        stale.task_state = 'pausing'                            # as the API sets it before it sends
        c.pause(stale)
        row = c.wait(guest, 'paused')
        self.assertEqual((row['display_name'], row['power_state']), ('new', 3))

    def test_a_locked_guest_refuses_its_user(self):
        import nova.exception
        c, guest = self.cloud, self.built()
        raw = self.connect()
        self.assertIsNone(self.essex(raw, 'lock_instance', guest))
        self.assertTrue(self.essex(raw, 'get_lock', guest))
        user = c.context(is_admin=False)
        with self.assertRaises(nova.exception.InstanceIsLocked) as caught:
            c.send('stop_instance', guest, do_cast=False, context=user)
        self.assertIn('Instance %s is locked' % guest.uuid, str(caught.exception))
        c.terminate(guest, context=user)
        raw.ping()
        self.assertStates(guest, 'active', None, 1)
        c.send('stop_instance', guest, do_cast=False)           # an administrator may
        self.assertIsNone(self.essex(raw, 'unlock_instance', guest))
        c.send('start_instance', guest, context=user)
        c.wait(guest, 'active')

    def essex(self, raw, method, guest, **args):
        answers = [json.loads(m.body) for m in raw.essex_call(method, dict(args, instance_uuid=guest.uuid))]
        self.assertFalse([a['failure'] for a in answers if a.get('failure')])
        return answers[0]['result']

    def test_requests_of_one_guest_are_carried_out_in_their_order(self):
        c, guest = self.cloud, self.built()
        self.daemon.fault('power_off:slow:0.3')
        for _ in range(3):
            c.stop(guest)
            c.start(guest)
        actions = self.ended(guest, 7)
        self.assertEqual([a[0] for a in actions], ['create'] + ['stop', 'start'] * 3)
        self.assertTrue(all(events == [(events[0][0], 'Success')] for _, _, events in actions))
        self.assertStates(guest, 'active', None, 1)


class Failing(OnCloud):
    """What goes wrong on the way."""

    def test_a_driver_that_fails_leaves_a_fault_and_no_task(self):
        import nova.exception
        c, guest = self.cloud, self.built()
        self.daemon.fault('power_off:fail:InstancePowerOffFailure')
        with self.assertRaises(nova.exception.InstancePowerOffFailure):
            c.send('stop_instance', guest, do_cast=False)
        self.assertStates(guest, 'active', None, 1)
        self.assertEqual([(f['code'], f['host']) for f in c.faults(guest)], [(400, self.host)])
        self.assertEqual(c.actions(guest)[-1], ('stop', 'Error', [('compute_stop_instance', 'Error')]))
        self.daemon.fault()
        c.stop(guest)
        c.wait(guest, 'stopped')

    def test_a_guest_that_does_not_come_up_again_is_in_error(self):
        c, guest = self.cloud, self.built()
        c.stop(guest)
        c.wait(guest, 'stopped')
        self.daemon.fault('reboot:fail')
        c.reboot(guest, 'HARD')
        c.wait(guest, 'error')
        self.ended(guest, 3)
        self.assertEqual(len(c.faults(guest)), 1)
        self.daemon.fault()
        c.reboot(guest, 'HARD')
        self.ended(guest, 4)
        self.assertStates(guest, 'active', None, 1)

    def test_a_reboot_that_fails_leaves_a_running_guest_active(self):
        c, guest = self.cloud, self.built()
        self.daemon.fault('reboot:fail')
        c.reboot(guest)
        eventually(lambda: c.faults(guest))
        self.ended(guest, 2)
        self.assertStates(guest, 'active', None, 1)

    def test_a_hypervisor_that_is_away_is_not_the_guests_fault(self):
        import nova.exception
        c, guest = self.cloud, self.built()
        self.daemon.fault('reboot:fail:HypervisorUnavailable')
        c.reboot(guest)
        eventually(lambda: c.faults(guest))
        self.assertIn('active', c.states(guest))
        self.daemon.fault('power_off:fail:HypervisorUnavailable')
        with self.assertRaises(nova.exception.HypervisorUnavailable):
            c.send('stop_instance', guest, do_cast=False)
        self.assertStates(guest, 'active', None, 1)

    def test_what_comes_while_the_hypervisor_is_late_waits_for_it(self):
        c, guest = self.cloud, self.built()
        self.daemon.stop()
        self.daemon.fault('init_host:fail:HypervisorUnavailable')
        self.daemon.start()
        new = c.build()
        c.terminate(guest)
        for method, each in (('build_and_run_instance', new), ('terminate_instance', guest)):
            self.daemon.wait_logged('%s of instance %s waits for the hypervisor' % (method, each.uuid))
        self.assertStates(new, 'building', 'scheduling', 0)
        self.assertStates(guest, 'active', 'deleting', 1)
        self.daemon.fault()
        c.wait(new, 'active')
        self.assertGone(guest)
        self.assertEqual(c.faults(guest) + c.faults(new), [])

    def test_a_build_that_fails_says_why_and_can_be_deleted(self):
        for fault, pattern, code in (('spawn:fail:ImageNotFound', 'spawn', 404), ('spawn:fail', 'spawn', 500),
                                     ('spawn:fail:InstanceExists', 'spawn', 500)):
            with self.subTest(fault):
                self.daemon.fault(fault)
                guest = self.cloud.build()
                self.assertFailed(guest, pattern, code)
                self.assertEqual(self.ended(guest, 1), [('create', 'Error', [('compute__do_build_and_run_instance', 'Error')])])
                self.daemon.fault()
                self.cloud.terminate(guest)
                self.assertGone(guest)

    def test_a_delete_wins_over_a_build_and_over_what_waits(self):
        c = self.cloud
        self.daemon.fault('spawn:slow:1.5')
        guest = c.build()
        eventually(lambda: c.states(guest) == ('building', 'spawning', 0))
        c.stop(guest)
        c.terminate(guest)
        eventually(lambda: (c.states(guest) or [None] * 3)[1] in ('deleting', None), 1)
        self.assertGone(guest)
        self.assertEqual(c.faults(guest), [])
        self.assertEqual(self.daemon.sql('SELECT count(*) AS n FROM instances WHERE deleted = 0 AND uuid = "%s"' % guest.uuid), [{'n': 0}])

    def test_a_delete_that_comes_before_the_build_begins_wins(self):
        c = self.cloud
        self.daemon.fault('spawn:slow:1')
        others = [c.build() for _ in range(10)]                 # max_concurrent_builds
        guest = c.build()
        eventually(lambda: c.states(guest) == ('building', 'scheduling', 0))
        c.terminate(guest)
        self.assertGone(guest)
        self.daemon.fault()
        for other in others:
            c.wait(other, 'active')
            c.terminate(other)

    def test_a_delete_that_is_asked_for_twice_is_one(self):
        c, guest = self.cloud, self.built()
        self.daemon.fault('destroy:slow:0.5')
        c.terminate(guest)
        c.terminate(guest)
        self.assertGone(guest)
        self.connect().ping()
        self.assertEqual(c.faults(guest), [])

    def test_a_delete_that_fails_is_asked_for_again(self):
        c, guest = self.cloud, self.built()
        self.daemon.fault('destroy:fail')
        c.terminate(guest)
        c.wait(guest, 'error')
        self.ended(guest, 2)
        self.assertEqual(len(c.faults(guest)), 1)
        self.daemon.fault()
        c.terminate(guest)
        self.assertGone(guest)

    def test_two_builds_of_one_instance(self):
        c = self.cloud
        self.daemon.fault('spawn:slow:0.5')
        guest = c.instance(image=c.image('cirros'))
        c.build(guest)
        c.build(guest)
        c.wait(guest, 'active')
        self.daemon.wait_logged('InstanceExists: Instance %s already exists' % guest.uuid)
        self.assertStates(guest, 'active', None, 1)
        self.assertEqual((c.faults(guest), c.actions(guest)), ([], [('create', None, [('compute__do_build_and_run_instance', 'Success')])]))

    def test_many_builds_at_once(self):
        guests = [self.cloud.build() for _ in range(25)]
        for guest in guests:
            self.cloud.wait(guest, 'active', seconds=30)
        for guest in guests:
            self.cloud.terminate(guest)
        for guest in guests:
            self.cloud.wait_gone(guest)


class BadInput(OnCloud):
    """What no API would send."""

    def test_absurd_flavors(self):
        c = self.cloud
        for fields, pattern in (({'memory_mb': 0}, 'memory_mb is 0'), ({'vcpus': -3}, 'vcpus is -3'), ({'root_gb': -1}, 'root_gb is -1'),
                                ({'memory_mb': 1 << 40}, 'memory_mb is 1099511627776'),
                                ({'memory_mb': 1 << 30}, 'Insufficient compute resources'), ({'vcpus': 4000}, 'Insufficient compute')):
            with self.subTest(fields):
                self.assertFailed(c.build(flavor=c.flavor(**fields)), pattern)

    def test_limits_are_honoured(self):
        c = self.cloud
        self.assertFailed(c.build(flavor=c.flavor(memory_mb=2048), limits={'memory_mb': 1024}), 'Insufficient compute resources')
        self.assertFailed(c.build(limits={'memory_mb': 'much'}), 'limits')
        self.assertFailed(c.build(node='other'), 'other')

    def test_images_that_do_not_fit(self):
        c = self.cloud
        for fields, pattern in (({'status': 'queued'}, 'is not active'), ({'min_ram': 1 << 20}, "memory is too small"),
                                ({'size': 1 << 40}, "disk is too small"), ({'min_disk': 9}, 'smaller than the minimum size')):
            with self.subTest(fields):
                self.assertFailed(c.build(image_fields=fields), pattern)

    def test_hostile_names_and_values_are_only_text(self):
        for name in ('<domain type="x">&amp;', "'; DROP TABLE instances; --", '../../../etc/passwd', 'a\u0000b'.replace('\0', ''), '\u202e' * 20,
                     'x' * 255, '%s%n%d', '${jndi:x}'):
            with self.subTest(name):
                guest = self.cloud.build(display_name=name, hostname='h', metadata={name: name}, key_name=name)
                self.assertEqual(self.cloud.wait(guest, 'active')['display_name'], name)
                self.cloud.terminate(guest)
                self.cloud.wait_gone(guest)

    def test_files_and_volumes(self):
        c = self.cloud
        self.assertFailed(c.build(injected_files=[['/etc/motd', '?']]), 'Invalid Base 64 data for file /etc/motd')
        guest = c.instance(image=c.image('cirros'))
        self.assertFailed(c.build(guest, bdms=c.disks(guest, source_type='volume', destination_type='volume', volume_id=str(uuid.uuid4()))),
                          'Connection to cinder host failed')

    def test_uuids_that_are_paths(self):
        raw = self.connect()
        for bad in ('../../etc', '/etc/passwd', '', 'x', '%s' % ('a' * 4096), "' OR 1=1 --", str(uuid.uuid4()) + '/..', None, 7, [], {}):
            with self.subTest(bad):
                for args in ({'instance': {'nova_object.name': 'Instance', 'nova_object.namespace': 'nova', 'nova_object.version': '2.7',
                                           'nova_object.data': {'uuid': bad, 'host': self.host}}}, {'instance_uuid': bad}):
                    reply = raw.oslo_call('stop_instance', args)
                    self.assertIn(failure(reply)['class'], ('InvalidUUID', 'ValueError', 'TypeError'), args)
        reply = raw.oslo_call('build_and_run_instance', {'instance': {
            'nova_object.name': 'Instance', 'nova_object.namespace': 'nova', 'nova_object.version': '2.7', 'nova_object.data': {'uuid': '../x'}}})
        self.assertEqual(failure(reply)['class'], 'InvalidUUID')
        self.assertEqual(self.daemon.sql("SELECT count(*) AS n FROM instances WHERE uuid LIKE '%/%'"), [{'n': 0}])
        self.assertEqual([n for n in os.listdir(os.path.join(self.daemon.state, 'instances')) if n.startswith('.')], [])

    def test_objects_with_wrong_fields_and_unknown_versions(self):
        c, raw = self.cloud, self.connect()

        def build(change):
            guest = c.instance(image=c.image('cirros'))
            primitive = guest.obj_to_primitive()
            change(primitive)
            return guest, raw.oslo_call('build_and_run_instance', {'instance': primitive, 'image': {}, 'requested_networks': None})
        for name, change, kinds in (
                ('ill-typed', lambda p: p['nova_object.data'].update(memory_mb='much'), ('ValueError',)),
                ('newer', lambda p: p.update({'nova_object.version': '3.0'}), ('IncompatibleObjectVersion',)),
                ('no version', lambda p: p.update({'nova_object.version': 'x'}), ('IncompatibleObjectVersion', 'InvalidTargetVersion', 'ValueError')),
                ('another class', lambda p: p.update({'nova_object.name': 'Flavour'}), ('UnsupportedObjectError', 'ValueError')),
                ('no flavor', lambda p: [p['nova_object.data'].pop(k) for k in ('memory_mb', 'vcpus', 'flavor')], ('InvalidInput',)),
                ('nested', lambda p: p['nova_object.data']['flavor']['nova_object.data'].update(vcpus={}), ('ValueError',))):
            with self.subTest(name):
                guest, reply = build(change)
                self.assertIn(failure(reply)['class'], kinds, failure(reply))
                row = c.wait(guest, 'error')
                eventually(lambda: c.faults(guest))
                self.assertEqual((row['host'], len(c.faults(guest))), (None, 1))
                c.terminate(guest)
                c.wait_gone(guest)

    def test_arguments_of_wrong_types_are_refused_by_name(self):
        guest, raw = self.built(), self.connect()
        for method, args, text in (
                ('stop_instance', {'clean_shutdown': 'yes'}, 'clean_shutdown'), ('reboot_instance', {'reboot_type': 1}, 'reboot_type'),
                ('reboot_instance', {'reboot_type': 'WARM'}, 'WARM'), ('stop_instance', {'instance_uuid': None}, 'uuid'), ):
            with self.subTest(method):
                reply = raw.oslo_call(method, dict({'instance_uuid': guest.uuid}, **args))
                self.assertIn(failure(reply)['class'], ('TypeError', 'InvalidInput', 'InvalidUUID'))
                self.assertIn(text, failure(reply)['message'])
        self.assertStates(guest, 'active', None, 1)
        self.assertEqual(self.cloud.faults(guest), [])


class Essex(OnCloud):
    """The same operations by uuid, in Essex's names and shapes."""

    def call(self, method, **args):
        return [json.loads(m.body) for m in self.connect().essex_call(method, args)]

    def ok(self, method, **args):
        answers = self.call(method, **args)
        self.assertFalse([a['failure'] for a in answers if a.get('failure')], method)
        return answers[0].get('result')

    def test_a_guest_from_its_build_to_its_end(self):
        c, guest = self.cloud, str(uuid.uuid4())
        self.assertIsNone(self.ok('run_instance', instance_uuid=guest, requested_networks=None, injected_files=[], admin_password='pw',
                                  is_first_time=True, request_spec={
                                      'image': {'id': 'cirros', 'properties': {}}, 'num_instances': 1, 'security_group': ['default'],
                                      'instance_type': {'id': 2, 'name': 'm1.tiny', 'memory_mb': 512, 'vcpus': 1, 'root_gb': 0,
                                                        'ephemeral_gb': 0, 'swap': 0, 'rxtx_factor': 1.0, 'flavorid': '1'},
                                      'instance_properties': {'display_name': 'old', 'project_id': 'p1', 'user_id': 'u1',
                                                              'memory_mb': 512, 'vcpus': 1, 'metadata': [], 'image_ref': 'cirros',
                                                              'vm_state': 'building', 'task_state': 'scheduling'}}))
        row = c.wait(guest, 'active')
        self.assertEqual((row['display_name'], row['memory_mb'], row['instance_type_name'], row['host']), ('old', 512, 'm1.tiny', self.host))
        for method, state in (('reboot_instance', ('active', None, 1)), ('pause_instance', ('paused', None, 3)),
                              ('unpause_instance', ('active', None, 1)), ('suspend_instance', ('suspended', None, 7)),
                              ('resume_instance', ('active', None, 1)), ('power_off_instance', ('stopped', None, 4)),
                              ('power_on_instance', ('active', None, 1)), ('stop_instance', ('stopped', None, 4)),
                              ('start_instance', ('active', None, 1))):
            with self.subTest(method):
                self.assertIsNone(self.ok(method, instance_uuid=guest))
                self.assertEqual(c.states(guest), state)
        self.assertIsNone(self.ok('reboot_instance', instance_uuid=guest, reboot_type='HARD'))
        self.assertIsNone(self.ok('terminate_instance', instance_uuid=guest))
        self.assertGone(guest)
        self.assertIsNone(self.ok('terminate_instance', instance_uuid=guest))
        self.assertEqual(c.faults(guest), [])

    def test_a_guest_of_one_time_is_driven_by_the_other(self):
        guest = self.built()
        self.assertIsNone(self.ok('stop_instance', instance_uuid=guest.uuid))
        self.cloud.start(guest)
        self.cloud.wait(guest, 'active')
        self.assertIsNone(self.ok('terminate_instance', instance_uuid=guest.uuid))
        self.assertGone(guest)

    def test_failures_have_essexs_form(self):
        stranger = str(uuid.uuid4())
        for method, args, kind in (('stop_instance', {'instance_uuid': stranger}, 'InstanceNotFound'),
                                   ('run_instance', {'instance_uuid': stranger}, 'InstanceNotFound'),
                                   ('stop_instance', {}, 'TypeError'), ('stop_instance', {'instance_uuid': '../x'}, 'InvalidUUID')):
            with self.subTest(method):
                found = [a['failure'] for a in self.call(method, **args) if a.get('failure')]
                self.assertEqual(found[0][0], kind)


class Told(OnCloud):
    """What is notified, when it is asked for."""
    groups = dict(OnCloud.groups, oslo_messaging_notifications={'driver': 'messagingv2'}, notifications={'notification_format': 'unversioned'})

    def test_the_life_of_a_guest_is_notified_in_order(self):
        raw = self.connect()
        raw.listen('notifications.info', exchange='nova', kind='topic', exchange_auto_delete=False, auto_delete=False)
        guest = self.built()
        self.cloud.stop(guest)
        self.cloud.wait(guest, 'stopped')
        self.cloud.terminate(guest)
        self.cloud.wait_gone(guest)
        want = ['create.start', 'create.end', 'power_off.start', 'power_off.end', 'delete.start', 'shutdown.start', 'shutdown.end', 'delete.end']

        def events(got):
            found = [json.loads(json.loads(m.body)['oslo.message']) for m in got]
            return [m['event_type'][len('compute.instance.'):] for m in found if m['payload'].get('instance_id') == guest.uuid]
        raw.wait('notifications.info', lambda got: len(events(got)) >= len(want), 10)
        self.assertEqual(events(raw.got['notifications.info']), want)


if __name__ == '__main__':
    unittest.main(verbosity=2)
