"""Notifications of the life of a guest, received by oslo.messaging's own listener and read by Nova's payload classes."""
import os
import signal
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import OnHost, eventually  # noqa: E402
from computeclient import Cloud  # noqa: E402

IMAGE = 'aaaaaaaa-0000-4000-8000-000000000001'


class Heard:
    """An endpoint that keeps what it is told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.items = []

    def keep(self, priority, context, publisher_id, event_type, payload, metadata):
        with self.lock:
            self.items.append({'priority': priority, 'context': context, 'publisher': publisher_id, 'event': event_type, 'payload': payload,
                               'metadata': metadata})

    def info(self, *told):
        self.keep('info', *told)

    def error(self, *told):
        self.keep('error', *told)

    def of(self, uuid):
        with self.lock:
            return [i for i in self.items
                    if uuid in (i['payload'].get('instance_id'), i['payload'].get('nova_object.data', {}).get('uuid'))]

    def events(self, uuid):
        return [i['event'] for i in self.of(uuid)]


class Listening(OnHost):
    groups = {'fake': {'vcpus': '64', 'memory_mb': '65536', 'local_gb': '4000'},
              'oslo_messaging_notifications': {'driver': 'messagingv2'}, 'notifications': {'notification_format': 'both'}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cloud = Cloud(cls.url, host=cls.host, database=cls.daemon.database())
        import oslo_messaging
        import nova.conf
        cls.heard = {}
        transport = oslo_messaging.get_notification_transport(nova.conf.CONF, url=cls.url)
        cls.addClassCleanup(transport.cleanup)
        for topic in ('notifications', 'versioned_notifications'):
            cls.heard[topic] = Heard()
            listener = oslo_messaging.get_notification_listener(
                transport, [oslo_messaging.Target(exchange='nova', topic=topic)], [cls.heard[topic]], executor='threading')
            listener.start()
            cls.addClassCleanup(listener.wait)
            cls.addClassCleanup(listener.stop)

    def setUp(self):
        self.daemon.fault()
        self.addCleanup(self.daemon.fault)

    def read_by_nova(self, payload):
        """A versioned payload as an object of its class, of which it has each field and no other."""
        from nova.notifications.objects import exception, flavor, instance, keypair  # noqa: F401
        from nova.objects import base, fields
        cls = getattr(instance, payload['nova_object.name'])
        self.assertEqual(payload['nova_object.version'], cls.VERSION)
        self.assertEqual(set(payload['nova_object.data']), set(cls.fields))
        o = cls.__new__(cls)
        base.NovaObject.__init__(o)
        for name, field in cls.fields.items():
            value = payload['nova_object.data'][name]
            if not isinstance(field, (fields.ObjectField, fields.ListOfObjectsField)):
                setattr(o, name, field.from_primitive(o, name, value))
        return o


class Life(Listening):
    """What is done to a guest."""

    def expect(self, guest, *events):
        """In both forms, in this order."""
        for topic, prefix in (('notifications', 'compute.'), ('versioned_notifications', '')):
            wanted = [prefix + e for e in events]
            eventually(lambda: len(self.heard[topic].events(guest.uuid)) >= len(wanted), what='%s on %s; there are %r' % (
                wanted, topic, self.heard[topic].events(guest.uuid)))
            self.assertEqual(self.heard[topic].events(guest.uuid), wanted)

    def test_the_life_of_a_guest_is_told_in_both_forms(self):
        c = self.cloud
        guest = c.build(metadata={'role': 'web'}, display_name='told')
        c.wait(guest, 'active')
        c.stop(guest)
        c.wait(guest, 'stopped')
        c.start(guest)
        c.wait(guest, 'active')
        c.pause(guest)
        c.wait(guest, 'paused')
        c.unpause(guest)
        c.wait(guest, 'active')
        c.terminate(guest)
        c.wait_gone(guest)
        self.expect(guest, *self.life())

        told = self.heard['notifications'].of(guest.uuid)
        self.assertEqual({i['publisher'] for i in told}, {'compute.' + self.host})
        self.assertEqual({i['priority'] for i in told}, {'info'})
        created = next(i['payload'] for i in told if i['event'] == 'compute.instance.create.end')
        self.assertEqual((created['state'], created['display_name'], created['host'], created['metadata'], created['memory_mb']),
                         ('active', 'told', self.host, {'role': 'web'}, 64))
        self.assertTrue(created['launched_at'])
        self.assertEqual(created['message'], 'Success')
        self.assertEqual(told[0]['payload']['image_name'], 'cirros')

        told = self.heard['versioned_notifications'].of(guest.uuid)
        self.assertEqual({i['publisher'] for i in told}, {'nova-compute:' + self.host})
        stopped = next(i for i in told if i['event'] == 'instance.power_off.end')
        data = stopped['payload']['nova_object.data']
        self.assertEqual((data['state'], data['power_state'], data['task_state']), ('stopped', 'shutdown', None))
        self.assertEqual(data['action_initiator_user'], 'demo')
        self.assertNotIn('auth_token', {k for k, v in stopped['context'].items() if v})

    def life(self):
        return ['instance.%s' % e for e in (
            'create.start', 'create.end', 'power_off.start', 'power_off.end', 'power_on.start', 'power_on.end', 'pause.start',
            'pause.end', 'unpause.start', 'unpause.end', 'delete.start', 'shutdown.start', 'shutdown.end', 'delete.end')]

    def test_a_crash_dump_is_told(self):
        c = self.cloud
        guest = c.build()
        c.wait(guest, 'active')
        c.api.trigger_crash_dump(c.context(), c.refreshed(guest))
        self.expect(guest, *('instance.' + e for e in (
            'create.start', 'create.end', 'trigger_crash_dump.start', 'trigger_crash_dump.end')))

    def test_a_rebuild_tells_first_what_there_was(self):
        c = self.cloud
        guest = c.build()
        c.wait(guest, 'active')
        images = os.path.join(self.daemon.state, 'images')
        os.makedirs(images, exist_ok=True)
        for name, text in ((IMAGE, 'the bytes of an image'), (IMAGE + '.json', '{"disk_format": "raw"}')):
            with open(os.path.join(images, name), 'w', encoding='ascii') as f:
                f.write(text)
        c.api.rebuild_instance(
            c.context(), c.refreshed(guest), new_pass='pass', injected_files=[], image_ref=IMAGE, orig_image_ref='', orig_sys_metadata={},
            bdms=c.objects.BlockDeviceMappingList(objects=[]), recreate=False, on_shared_storage=None, host=self.host, node=None,
            preserve_ephemeral=False, migration=None, limits={}, request_spec=None, accel_uuids=[], reimage_boot_volume=False)
        self.expect(guest, *('instance.' + e for e in ('create.start', 'create.end', 'exists', 'rebuild.start', 'rebuild.end')))
        old, exists, _, rebuilt = (i['payload'] for i in self.heard['notifications'].of(guest.uuid)[1:])
        self.assertEqual(exists['image_ref_url'], old['image_ref_url'])
        self.assertNotEqual(exists['image_ref_url'], rebuilt['image_ref_url'])
        self.assertLess(exists['audit_period_beginning'], exists['audit_period_ending'])
        exists = self.heard['versioned_notifications'].of(guest.uuid)[2]['payload']
        self.assertEqual(self.read_by_nova(exists).image_uuid, old['image_ref_url'])

    def test_nova_reads_the_versioned_payloads(self):
        c = self.cloud
        guest = c.build()
        c.wait(guest, 'active')
        self.expect(guest, 'instance.create.start', 'instance.create.end')
        for told in self.heard['versioned_notifications'].of(guest.uuid):
            self.assertEqual(self.read_by_nova(told['payload']).uuid, guest.uuid)

    def test_a_failed_build_is_told_as_an_error(self):
        c = self.cloud
        self.daemon.fault('spawn:fail')
        guest = c.build()
        c.wait(guest, 'error')
        self.expect(guest, 'instance.create.start', 'instance.create.error')
        for topic in ('notifications', 'versioned_notifications'):
            self.assertEqual([i['priority'] for i in self.heard[topic].of(guest.uuid)], ['info', 'error'])
        failed = self.heard['notifications'].of(guest.uuid)[-1]['payload']
        self.assertTrue(failed['message'])
        self.assertTrue(failed['exception'])
        fault = self.heard['versioned_notifications'].of(guest.uuid)[-1]['payload']['nova_object.data']['fault']
        self.assertEqual(fault['nova_object.name'], 'ExceptionPayload')
        self.assertTrue(fault['nova_object.data']['exception_message'])


class Changes(Listening):
    """What becomes of an instance, and that it was there."""
    groups = dict(Listening.groups, notifications={'notification_format': 'both', 'notify_on_state_change': 'vm_and_task_state'})
    options = {'periodic_interval': '1', 'instance_usage_audit_period': 'year'}

    def told(self, topic, guest, event):
        return [i for i in self.heard[topic].of(guest.uuid) if i['event'] == event]

    def changes(self, topic, guest):
        """Of each update the states before and after, in their order; of those that are told alike in a row the first."""
        found = []
        for i in self.told(topic, guest, 'compute.instance.update') + self.told(topic, guest, 'instance.update'):
            data = i['payload'].get('nova_object.data')
            states = data['state_update']['nova_object.data'] if data else i['payload']
            states = tuple(states[k] for k in ('old_state', 'old_task_state', 'state', 'new_task_state'))
            if found[-1:] != [states] and (states[:2] != states[2:] or states[1]):        # else of the power_state, perhaps
                found.append(states)
        return found

    def test_changes_of_states_are_told_in_both_forms(self):
        c = self.cloud
        guest = c.build(display_name='changing')
        c.wait(guest, 'active')
        c.stop(guest)
        c.wait(guest, 'stopped')
        c.terminate(guest)
        c.wait_gone(guest)
        for topic in self.heard:
            eventually(lambda: ('stopped', 'deleting', 'deleted', None) in self.changes(topic, guest), what='the last change on ' + topic)
            self.assertEqual(self.changes(topic, guest), [
                ('building', 'scheduling', 'building', 'scheduling'), ('building', 'scheduling', 'building', 'networking'),
                ('building', 'networking', 'building', 'block_device_mapping'),
                ('building', 'block_device_mapping', 'building', 'spawning'), ('building', 'spawning', 'active', None),
                ('active', 'powering-off', 'active', 'powering-off'), ('active', 'powering-off', 'stopped', None),
                ('stopped', 'deleting', 'stopped', 'deleting'), ('stopped', 'deleting', 'deleted', None)])
        versioned = self.told('versioned_notifications', guest, 'instance.update')
        for i in versioned:
            self.assertEqual((i['publisher'], i['priority']), ('nova-compute:' + self.host, 'info'))
            self.assertEqual(self.read_by_nova(i['payload']).uuid, guest.uuid)
            self.assertEqual(i['payload']['nova_object.data']['action_initiator_user'], 'demo')
        for i in self.told('notifications', guest, 'compute.instance.update'):
            self.assertEqual((i['publisher'], i['priority']), ('compute.' + self.host, 'info'))
            self.assertLess(i['payload']['audit_period_beginning'], i['payload']['audit_period_ending'])
            self.assertEqual(i['payload']['display_name'], 'changing')

    def test_that_an_instance_was_there_is_told_once_for_a_period(self):
        c = self.cloud
        old, new = c.build(), c.build()
        for guest in (old, new):
            c.wait(guest, 'active')
        self.daemon.change("UPDATE instances SET launched_at = '2012-04-05 00:00:00.000000' WHERE uuid = '%s'" % old.uuid)
        self.daemon.configure(instance_usage_audit='true')
        self.daemon.signal(signal.SIGHUP)
        for topic, event in (('notifications', 'compute.instance.exists'), ('versioned_notifications', 'instance.exists')):
            eventually(lambda: self.told(topic, old, event), 30, event)
        self.daemon.wait_logged('Instance usage audit ran for host .*, 1 instances', 30)
        since = len(self.daemon.text())
        self.daemon.kill()
        self.daemon.start()
        self.daemon.wait_logged(r'(?s)(Running periodic task \S*\._instance_usage_audit.*){2}', 30, since)      # the first has ended
        self.assertNotIn('Running instance usage audit', self.daemon.text()[since:])
        [told] = self.told('notifications', old, 'compute.instance.exists')
        self.assertEqual((told['publisher'], told['priority']), ('compute.' + self.host, 'info'))
        self.assertRegex(told['payload']['audit_period_beginning'], r'^\d{4}-01-01 00:00:00$')
        self.assertRegex(told['payload']['audit_period_ending'], r'^\d{4}-01-01 00:00:00$')
        [told] = self.told('versioned_notifications', old, 'instance.exists')
        self.assertEqual(self.read_by_nova(told['payload']).uuid, old.uuid)
        self.assertIsNone(told['payload']['nova_object.data']['request_id'])
        self.assertEqual([i for topic in self.heard for i in self.heard[topic].events(new.uuid) if i.endswith('exists')], [])


class Silent(OnHost):
    """As it is by default."""
    groups = {'fake': {'vcpus': '64', 'memory_mb': '65536', 'local_gb': '4000'}}

    def test_nothing_is_published_by_default(self):
        raw = self.connect()
        queue = raw.channel.queue_declare('', exclusive=True).queue
        for key in ('notifications.info', 'notifications.error', 'versioned_notifications.info'):
            raw.channel.queue_bind(queue, 'nova', key)
        cloud = Cloud(self.url, host=self.host, database=self.daemon.database())
        guest = cloud.build()
        cloud.wait(guest, 'active')
        cloud.terminate(guest)
        cloud.wait_gone(guest)
        self.assertIsNone(raw.channel.basic_get(queue))


if __name__ == '__main__':
    unittest.main(verbosity=2)
