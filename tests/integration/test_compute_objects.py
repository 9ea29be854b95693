"""Objects in requests as other releases and broken senders make them: what is understood, what is refused and in which words."""
import json
import os
import sys
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import eventually  # noqa: E402
from novatest import CONTEXT  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402

VERSION, DATA, CHANGES = 'nova_object.version', 'nova_object.data', 'nova_object.changes'


class OddObjects(OnCloud):
    def primitive(self, **fields):
        """A new instance as it is on the wire."""
        image = self.cloud.image('cirros')
        return json.loads(json.dumps(self.cloud.instance(image=image, **fields).obj_to_primitive()))

    def cast_build(self, instance, **more):
        """A build by hand: of an object that Nova's client would not make."""
        image = self.cloud.image('cirros')
        args = {'instance': instance, 'image': image, 'request_spec': {}, 'filter_properties': {}, 'admin_password': None,
                'injected_files': [], 'requested_networks': None, 'security_groups': [], 'block_device_mapping': None, 'node': None,
                'limits': {}, 'host_list': [], 'accel_uuids': []}
        args.update(more)
        self.client().cast(CONTEXT, 'build_and_run_instance', **args)

    def refusal(self, method, instance, **args):
        """(class, text) of the failure."""
        import oslo_messaging
        with self.assertRaises((oslo_messaging.RemoteError, ValueError)) as caught:
            self.client().call(CONTEXT, method, instance=instance, **args)
        e = caught.exception
        return (e.exc_type, e.value) if isinstance(e, oslo_messaging.RemoteError) else (type(e).__name__, str(e))

    def fault(self, instance):
        uuid = instance[DATA]['uuid']
        self.assertIsNone(self.cloud.wait(uuid, 'error')['task_state'])
        return eventually(lambda: self.cloud.faults(uuid), what='the fault')[0]

    # --- what is understood ---

    def test_a_newer_object_keeps_what_we_do_not_know(self):
        o = self.primitive()
        o[VERSION] = '2.9.3'
        o[DATA]['pinned_to'] = {'shelf': [1, 2, 3]}
        o[DATA]['flavor'][VERSION] = '1.44'
        o[DATA]['flavor'][DATA]['colour'] = 'blue'
        self.cast_build(o)
        row = self.cloud.wait(o[DATA]['uuid'], 'active')
        kept = json.loads(row['object'])
        self.assertEqual(kept[VERSION], '2.9')
        self.assertEqual(kept[DATA]['pinned_to'], {'shelf': [1, 2, 3]})
        self.assertEqual(kept[DATA]['flavor'][DATA]['colour'], 'blue')

    def test_an_older_object_is_enough(self):
        o = self.primitive()
        o[VERSION] = '2.0'
        for field in ('hidden', 'trusted_certs', 'keypairs', 'device_metadata', 'resources', 'migration_context'):
            o[DATA].pop(field)
        self.cast_build(o)
        self.cloud.wait(o[DATA]['uuid'], 'active')

    def test_values_are_as_generous_as_pythons(self):
        o = self.primitive()
        o[DATA].update(memory_mb='64', vcpus=1.0, locked=None, display_name=7)
        self.cast_build(o)
        row = self.cloud.wait(o[DATA]['uuid'], 'active')
        self.assertEqual((row['memory_mb'], row['vcpus'], row['locked'], row['display_name']), (64, 1, 0, '7'))

    # --- what is refused ---

    def test_a_caller_is_told_which_field_of_which_object_is_wrong(self):
        o = self.primitive()
        o[DATA]['vcpus'] = 'many'
        cls, text = self.refusal('get_instance_diagnostics', o)
        self.assertEqual(cls, 'ValueError')
        self.assertTrue(text.startswith('Instance.vcpus: an integer is allowed, not "many"'), text)
        o = self.primitive()
        o[DATA]['flavor'][DATA]['extra_specs'] = {'hw:x': None}
        self.assertIn("Field `extra_specs' cannot be None", self.refusal('get_instance_diagnostics', o)[1])
        o = self.primitive()
        o[DATA]['user_data'] = ['s3cret']
        self.assertNotIn('s3cret', self.refusal('get_instance_diagnostics', o)[1])

    def test_other_majors_and_classes_are_refused_in_novas_words(self):
        for change, cls, words in (
                ({VERSION: '3.0'}, 'IncompatibleObjectVersion', 'Version 3.0 of Instance is not supported, supported version is 2.7'),
                ({VERSION: '1.35'}, 'IncompatibleObjectVersion', 'Version 1.35 of Instance is not supported'),
                ({'nova_object.name': 'Instants'}, 'UnsupportedObjectError', 'Unsupported object type Instants'),
                ({'nova_object.namespace': 'cinder'}, 'UnsupportedObjectError', 'Unsupported object type cinder.Instance')):
            refused, text = self.refusal('get_instance_diagnostics', dict(self.primitive(), **change))
            self.assertEqual(refused, cls)
            self.assertIn(words, text)

    def test_a_build_of_a_wrong_object_ends_in_error_and_says_why(self):
        o = self.primitive()
        o[DATA]['flavor'][DATA]['vcpus'] = 'many'
        self.cast_build(o)
        self.assertEqual(self.fault(o)['message'], 'ValueError')
        self.assertIn('Flavor.vcpus: an integer is allowed, not "many"', self.fault(o)['details'])

        o = self.primitive()
        networks = json.loads(json.dumps(self.cloud.networks([{'address': '192.0.2.1'}]).obj_to_primitive()))
        networks[DATA]['objects'][0][DATA]['address'] = 'next door'
        self.cast_build(o, requested_networks=networks)
        self.assertIn('NetworkRequest.address: an IP address is allowed, not "next door"', self.fault(o)['details'])

        o = self.primitive()
        o[VERSION] = '7.0'
        self.cast_build(o)
        self.assertIn('Version 7.0 of Instance is not supported', self.fault(o)['details'])

    def test_a_refused_change_leaves_the_row_alone(self):
        guest = self.cloud.build()
        before = self.cloud.wait(guest, 'active')
        o = json.loads(json.dumps(guest.obj_to_primitive()))
        o[DATA]['metadata'] = {'a': ['b']}
        o[CHANGES] = ['metadata']
        client = self.client()
        client.cast(CONTEXT, 'stop_instance', instance=o)
        self.daemon.wait_logged(r'Instance\.metadata: a string is allowed')
        self.assertEqual(self.cloud.row(guest), before)
        self.cloud.stop(guest)
        self.cloud.wait(guest, 'stopped')

    def test_a_uuid_that_is_a_path_goes_nowhere(self):
        o = self.primitive(uuid=str(uuid.uuid4()))
        o[DATA]['uuid'] = '../../../etc/passwd'
        self.assertEqual(self.refusal('get_instance_diagnostics', o)[0], 'InvalidUUID')
        self.cast_build(o)
        eventually(lambda: 'Expected a uuid' in self.daemon.text(), what='the refusal in the log')
        self.assertEqual([r for r in self.cloud.sql('SELECT uuid FROM instances') if '/' in r['uuid']], [])


if __name__ == '__main__':
    unittest.main(verbosity=2)
