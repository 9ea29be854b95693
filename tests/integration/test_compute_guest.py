"""What is done with a guest that is there, asked for by Nova's own client (nova.compute.rpcapi with nova.objects) by value, and by
Essex's messages by uuid: rescue, rebuild, snapshots and backups, consoles, diagnostics, the agent, events; and what needs a
service or host that is not here, refused with Nova's own exceptions as the client raises them."""
import json
import os
import sys
import unittest
import urllib.parse
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import eventually  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402

IMAGE = 'aaaaaaaa-0000-4000-8000-000000000001'


class OnGuests(OnCloud):
    groups = {**OnCloud.groups, 'spice': {'enabled': 'true'}, 'serial_console': {'enabled': 'true'}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = os.path.join(os.path.dirname(cls.daemon.database()), 'images')
        os.makedirs(cls.images, exist_ok=True)
        os.chown(cls.images, 1503, 1503)
        cls.put_image(IMAGE)

    @classmethod
    def put_image(cls, image, about=None):
        for path, text in ((image, 'the bytes of an image'), (image + '.json', json.dumps(about or {'disk_format': 'raw'}))):
            with open(os.path.join(cls.images, path), 'w', encoding='ascii') as f:
                f.write(text)

    def image_about(self, name):
        """What is kept beside an image; None where there is none."""
        path = os.path.join(self.images, name + '.json')
        if not os.path.exists(os.path.join(self.images, name)):
            return None
        with open(path, encoding='utf-8') as f:
            return json.load(f)

    def assertEndsWell(self, guest, *states):
        """Its task ends, and then it has these states."""
        eventually(lambda: self.cloud.states(guest)[1] is None)
        self.assertStates(guest, *states)

    def assertFault(self, guest, message):
        self.assertEqual(self.cloud.faults(guest)[0]['message'], message)

    def call(self, method, guest, *args, **kwargs):
        return self.cloud.send(method, guest, *args, **kwargs)

    def essex(self, method, seconds=10, **args):
        """The result of a call of Essex's form; its failure is raised as (class, text)."""
        got = [json.loads(m.body) for m in self.connect().essex_call(method, args, seconds)]
        for reply in got:
            if reply.get('failure'):
                raise EssexFailure(*reply['failure'][:2])
        results = [reply.get('result') for reply in got if not reply.get('ending')]
        return results[0] if results else None


class EssexFailure(Exception):
    pass


class ByValue(OnGuests):
    """Zed's client."""

    def test_rescue_and_back(self):
        guest = self.built()
        self.call('rescue_instance', guest, 'pass', rescue_image_ref=IMAGE)
        self.assertEqual(self.cloud.wait(guest, 'rescued')['power_state'], 1)
        self.call('unrescue_instance', guest)
        self.assertEqual(self.cloud.wait(guest, 'active')['power_state'], 1)
        self.call('rescue_instance', guest, 'pass', rescue_image_ref=str(uuid.uuid4()))
        eventually(lambda: self.cloud.faults(guest))
        self.assertIn('cannot be rescued', self.cloud.faults(guest)[0]['message'])
        self.assertEndsWell(guest, 'active', None, 1)
        eventually(lambda: self.cloud.actions(guest)[3][2][0][1])
        self.assertEqual([a[0] for a in self.cloud.actions(guest)], ['create', 'rescue', 'unrescue', 'rescue'])
        self.assertEqual([a[2][0][1] for a in self.cloud.actions(guest)], ['Success', 'Success', 'Success', 'Error'])

    def rebuild(self, guest, image=IMAGE, **more):
        values = {'new_pass': 'pass', 'injected_files': [], 'image_ref': image, 'orig_image_ref': '', 'orig_sys_metadata': {},
                  'bdms': self.cloud.objects.BlockDeviceMappingList(objects=[]), 'recreate': False, 'on_shared_storage': None,
                  'host': self.host, 'node': None, 'preserve_ephemeral': False, 'migration': None, 'limits': {},
                  'request_spec': None, 'accel_uuids': [], 'reimage_boot_volume': False}
        values.update(more)
        self.call('rebuild_instance', guest, **values)

    def test_rebuild_from_another_image(self):
        guest = self.built()
        first = self.cloud.row(guest)['launched_at']
        self.rebuild(guest)
        eventually(lambda: self.cloud.row(guest)['launched_at'] != first and self.cloud.states(guest) == ('active', None, 1))
        self.assertEqual(self.cloud.row(guest)['image_ref'], IMAGE)
        self.assertEqual(self.cloud.stored(guest.uuid).system_metadata['image_base_image_ref'], IMAGE)
        self.cloud.stop(guest)
        self.cloud.wait(guest, 'stopped')
        self.rebuild(guest)
        eventually(lambda: len(self.cloud.actions(guest)) == 4 and self.cloud.actions(guest)[3][2][0][1] == 'Success')
        self.assertEndsWell(guest, 'stopped', None, 4)
        self.assertEqual(self.cloud.faults(guest), [])

    def test_a_rebuild_without_its_image_and_one_that_cannot_spawn(self):
        guest = self.built()
        missing = str(uuid.uuid4())
        self.rebuild(guest, image=missing)
        eventually(lambda: self.cloud.faults(guest))
        self.assertFault(guest, 'Image %s could not be found.' % missing)
        self.assertEndsWell(guest, 'active', None, 1)
        self.daemon.fault('spawn:fail:InternalError')
        self.rebuild(guest)
        self.cloud.wait(guest, 'error')
        self.assertFault(guest, 'spawn fails, as [fake] fault says')
        self.cloud.terminate(guest)
        self.assertEqual(self.cloud.wait_gone(guest)['vm_state'], 'deleted')

    def test_snapshot_into_the_directory(self):
        guest, image = self.built(), str(uuid.uuid4())
        self.call('snapshot_instance', guest, image)
        eventually(lambda: self.image_about(image))
        self.cloud.wait(guest, 'active')
        about = self.image_about(image)
        self.assertEqual({k: about['properties'][k] for k in ('image_type', 'instance_uuid', 'user_id')},
                         {'image_type': 'snapshot', 'instance_uuid': guest.uuid, 'user_id': 'demo'})
        failing = str(uuid.uuid4())
        self.daemon.fault('snapshot:fail:InternalError')
        self.call('snapshot_instance', guest, failing)
        eventually(lambda: self.cloud.faults(guest))
        self.cloud.wait(guest, 'active')
        self.assertIsNone(self.image_about(failing))

    def test_backups_rotate(self):
        guest, images = self.built(), [str(uuid.uuid4()) for _ in range(3)]
        for n, image in enumerate(images):
            self.call('backup_instance', guest, image, 'daily', 2)
            eventually(lambda image=image: self.image_about(image))
            eventually(lambda n=n: len(self.cloud.actions(guest)) == n + 2 and self.cloud.states(guest)[1] is None)
            # Two of one second are of no order.
            about = self.image_about(image)
            about['created_at'] = '2026-01-0%dT00:00:00Z' % (n + 1)
            self.put_image(image, about)
        eventually(lambda: self.image_about(images[0]) is None)
        self.assertIsNotNone(self.image_about(images[1]))
        self.assertIsNotNone(self.image_about(images[2]))

    def test_console_output(self):
        from nova import exception
        guest = self.built()
        self.assertEqual(self.cloud.console(guest, 1), 'LAST LINE')
        self.assertEqual(self.cloud.console(guest, '2'), 'ANOTHER\nLAST LINE')
        self.assertEqual(self.cloud.console(guest, 0), '')
        self.assertTrue(self.cloud.console(guest).endswith('LAST LINE'))
        gone = self.cloud.instance()
        gone.host, gone.vm_state = self.host, 'active'
        with self.assertRaises(exception.InstanceNotFound):
            self.cloud.console(gone)

    def test_consoles_and_their_tokens(self):
        from nova import exception
        guest = self.built()
        for method, kind in (('get_vnc_console', 'novnc'), ('get_spice_console', 'spice-html5'), ('get_serial_console', 'serial')):
            got = self.call(method, guest, console_type=kind)
            self.assertEqual({'host', 'port', 'internal_access_path', 'token', 'access_url'} - set(got), set())
            self.assertIn(got['token'], urllib.parse.unquote(got['access_url']))
            self.assertTrue(self.call('validate_console_port', guest, got['port'], kind))
            self.assertFalse(self.call('validate_console_port', guest, got['port'] + 1, kind))
            with self.assertRaises(exception.ConsoleTypeInvalid):
                self.call(method, guest, console_type='teletype')
        rows = self.cloud.sql('SELECT token_hash, console_type FROM console_auth_tokens WHERE instance_uuid = ?', guest.uuid)
        self.assertEqual(len(rows), 3)
        self.assertNotIn(got['token'], json.dumps(rows))
        self.assertNotIn(got['token'], self.daemon.text())
        for method, kind in (('get_rdp_console', 'rdp-html5'), ('get_mks_console', 'webmks')):
            with self.assertRaises(exception.ConsoleTypeUnavailable):
                self.call(method, guest, console_type=kind)
        self.cloud.terminate(guest)
        self.cloud.wait_gone(guest)
        self.assertEqual(self.cloud.sql('SELECT * FROM console_auth_tokens WHERE instance_uuid = ?', guest.uuid), [])

    def test_diagnostics(self):
        from nova import exception
        guest = self.built()
        self.assertIn('memory', self.call('get_diagnostics', guest))
        got = self.call('get_instance_diagnostics', guest)
        self.assertEqual((got.obj_name(), got.state, got.num_cpus), ('Diagnostics', 'running', 1))
        self.cloud.pause(guest)
        self.cloud.wait(guest, 'paused')
        with self.assertRaises(exception.InstanceInvalidState) as raised:
            self.call('get_diagnostics', guest)
        self.assertIn('power state paused', str(raised.exception))

    def test_admin_password(self):
        from nova import exception
        guest = self.built()
        self.assertIsNone(self.call('set_admin_password', guest, 'Hu5h-Hu5h'))
        self.assertStates(guest, 'active', None, 1)
        for fault, wanted in (('SetAdminPasswdNotSupported', exception.SetAdminPasswdNotSupported),
                              ('QemuGuestAgentNotEnabled', exception.QemuGuestAgentNotEnabled),
                              ('NotImplementedError', NotImplementedError),
                              ('InternalError', exception.InstancePasswordSetFailed)):
            self.daemon.fault('set_admin_password:fail:' + fault)
            with self.assertRaises(wanted):
                self.call('set_admin_password', guest, 'Hu5h-Hu5h')
            self.assertStates(guest, 'active', None, 1)
        self.daemon.fault()
        self.cloud.stop(guest)
        self.cloud.wait(guest, 'stopped')
        with self.assertRaises(exception.InstanceInvalidState):
            self.call('set_admin_password', guest, 'Hu5h-Hu5h')
        self.assertNotIn('Hu5h-Hu5h', self.daemon.text())
        with open(self.cloud.database, 'rb') as f:
            self.assertNotIn(b'Hu5h-Hu5h', f.read())

    def test_quiesce_and_crash_dump(self):
        from nova import exception
        guest = self.built()
        self.assertIsNone(self.call('quiesce_instance', guest))
        self.call('unquiesce_instance', guest)
        self.daemon.fault('quiesce:fail:QemuGuestAgentNotEnabled')
        with self.assertRaises(exception.QemuGuestAgentNotEnabled):
            self.call('quiesce_instance', guest)
        self.assertEqual(self.cloud.faults(guest), [])
        self.call('trigger_crash_dump', guest)
        eventually(lambda: [a for a in self.cloud.actions(guest) if a[0] == 'trigger_crash_dump' and a[2][0][1] == 'Success'])

    def test_interfaces_without_a_network(self):
        from nova import exception
        guest = self.built()
        with self.assertRaises(exception.InterfaceAttachFailedNoNetwork):
            self.call('attach_interface', guest, None, None, None)
        self.call('detach_interface', guest, str(uuid.uuid4()))
        eventually(lambda: len(self.cloud.faults(guest)) == 2)
        self.assertIn('could not be found', self.cloud.faults(guest)[0]['message'])
        self.assertStates(guest, 'active', None, 1)
        self.call('inject_network_info', guest)

    def test_external_events(self):
        guest = self.built()
        events = [self.cloud.objects.InstanceExternalEvent(instance_uuid=guest.uuid, name=name, status='completed', tag=tag, data={})
                  for name, tag in (('network-vif-plugged', 'p1'), ('network-changed', None), ('network-vif-deleted', 'p1'),
                                    ('volume-extended', 'v1'))]
        known = self.cloud.refreshed(guest)
        self.cloud.api.external_instance_event(self.cloud.context(), [known], events, host=self.host)
        eventually(lambda: 'Event volume-extended-v1' in self.daemon.text())
        self.assertStates(guest, 'active', None, 1)
        self.assertEqual(self.cloud.faults(guest), [])

    def test_cached_images(self):
        ids = [str(uuid.uuid4()) for _ in range(2)]
        self.assertEqual(self.cloud.api.cache_images(self.cloud.context(), self.host, ids), dict.fromkeys(ids, 'cached'))
        self.assertEqual(self.cloud.api.cache_images(self.cloud.context(), self.host, ids[:1]), {ids[0]: 'existing'})

    def test_what_needs_another_service_or_host_is_refused(self):
        from nova import exception
        guest = self.built()
        with self.assertRaises(exception.InvalidVolume):
            self.call('reserve_block_device_name', guest, '/dev/vdb', str(uuid.uuid4()), None, None, None, False)
        with self.assertRaises(exception.MigrationPreCheckError):
            self.call('check_can_live_migrate_destination', guest, self.host, False, False, None, {})
        self.call('detach_volume', guest, 'vol-1')
        eventually(lambda: self.cloud.faults(guest)[0]['message'] == 'No volume Block Device Mapping with id vol-1.')
        self.call('shelve_instance', guest)
        eventually(lambda: 'glance' in self.cloud.faults(guest)[0]['message'])
        migration = self.cloud.objects.Migration(id=1, source_compute=self.host)
        self.call('confirm_resize', guest, migration, self.host)
        eventually(lambda: 'Migration not found' in self.cloud.faults(guest)[0]['message'])
        self.assertStates(guest, 'active', None, 1)
        self.assertTrue(self.cloud.console(guest))
        self.assertIsNone(self.cloud.api.drop_move_claim_at_destination(self.cloud.context(), self.cloud.refreshed(guest), self.host))

    def test_wrong_states_are_refused_as_the_api_would(self):
        guest = self.built()
        self.cloud.pause(guest)
        self.cloud.wait(guest, 'paused')
        before = self.cloud.row(guest)['updated_at']
        self.call('rescue_instance', guest, 'pass', rescue_image_ref=IMAGE)
        self.rebuild(guest)
        self.call('unrescue_instance', guest)
        self.assertTrue(self.cloud.console(guest))              # a call that is answered after them
        eventually(lambda: self.daemon.text().count('while the instance is in this state') >= 3)
        self.assertStates(guest, 'paused', None, 3)
        self.assertEqual((self.cloud.faults(guest), self.cloud.row(guest)['updated_at']), ([], before))


class ByUuid(OnGuests):
    """Essex's messages: the same operations by the uuid."""

    def test_rescue_rebuild_snapshot(self):
        guest = self.built()
        self.essex('rescue_instance', instance_uuid=guest.uuid, rescue_password='x', rescue_image_ref=IMAGE)
        self.assertStates(guest, 'rescued', None, 1)
        self.essex('unrescue_instance', instance_uuid=guest.uuid)
        self.assertStates(guest, 'active', None, 1)
        self.essex('rebuild_instance', instance_uuid=guest.uuid, injected_files=[], new_pass='x', image_ref=IMAGE)
        self.assertStates(guest, 'active', None, 1)
        image = str(uuid.uuid4())
        self.essex('snapshot_instance', instance_uuid=guest.uuid, image_id=image, image_type='backup', backup_type='daily', rotation=1)
        self.assertEqual(self.image_about(image)['properties']['backup_type'], 'daily')
        self.essex('rotate_backups', instance_uuid=guest.uuid, backup_type='daily', rotation=0)
        self.assertIsNone(self.image_about(image))
        self.assertStates(guest, 'active', None, 1)
        with self.assertRaises(EssexFailure) as raised:
            self.essex('snapshot_instance', instance_uuid=guest.uuid, image_id=image, image_type='snapshot', rotation=1)
        self.assertEqual(raised.exception.args[0], 'ImageRotationNotAllowed')

    def test_consoles_diagnostics_agent(self):
        guest = self.built()
        self.assertEqual(self.essex('get_console_output', instance_uuid=guest.uuid, tail_length='1'), 'LAST LINE')
        got = self.essex('get_vnc_console', instance_uuid=guest.uuid, console_type='novnc')
        self.assertTrue(got['access_url'].endswith('?token=' + got['token']))
        self.assertEqual(self.essex('get_console_topic'), 'console.' + self.host)
        self.assertIn('memory', self.essex('get_diagnostics', instance_uuid=guest.uuid))
        self.essex('set_admin_password', instance_uuid=guest.uuid)
        self.essex('inject_file', instance_uuid=guest.uuid, path='L2V0Yy9tb3Rk', file_contents='aGVsbG8=')
        self.essex('agent_update', instance_uuid=guest.uuid, url='http://a', md5hash='0')
        self.essex('reset_network', instance_uuid=guest.uuid)
        self.essex('inject_network_info', instance_uuid=guest.uuid)
        self.assertStates(guest, 'active', None, 1)
        with self.assertRaises(EssexFailure) as raised:
            self.essex('inject_file', instance_uuid=guest.uuid, path='not base64', file_contents='aGVsbG8=')
        self.assertEqual(raised.exception.args[0], 'Invalid')

    def test_refused(self):
        guest = self.built()
        for method, args, wanted in (
                ('attach_volume', {'instance_uuid': guest.uuid, 'volume_id': 3, 'mountpoint': '/dev/vdb'}, 'CinderConnectionFailed'),
                ('prep_resize', {'instance_uuid': guest.uuid, 'instance_type_id': 2, 'image': {}}, 'UnableToMigrateToSelf'),
                ('live_migration', {'instance_id': 1, 'dest': 'node2', 'block_migration': False}, 'MigrationError'),
                ('add_aggregate_host', {'aggregate_id': 1, 'host': self.host}, 'AggregateError'),
                ('compare_cpu', {'cpu_info': 'nonsense'}, 'InvalidCPUInfo'),
                ('check_shared_storage_test_file', {'filename': '../nova.sqlite'}, 'InvalidInput'),
                ('rescue_instance', {'instance_uuid': str(uuid.uuid4()), 'rescue_password': 'x'}, 'InstanceNotFound')):
            with self.subTest(method=method), self.assertRaises(EssexFailure) as raised:
                self.essex(method, **args)
            self.assertEqual(raised.exception.args[0], wanted)
        self.assertStates(guest, 'active', None, 1)


if __name__ == '__main__':
    unittest.main(verbosity=2)
