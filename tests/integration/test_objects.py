"""Objects and notification payloads of src/ judged by Nova's own library: Debian's python3-nova."""
import datetime
import json
import os
import random
import subprocess
import unittest
import warnings

import novatest

DATA = os.path.join(novatest.SOURCE, 'tests', 'data', 'objects.jsonl')
FILTER = os.path.join(novatest.BUILD, 'tests', 'integration', 'objects-filter')
UUID = '6f9e0b52-6a0c-4c7b-8f0a-0f6d3f5d8c11'

# Of a host that we are not, of services that are not ours, or never sent.
NOT_OURS = {'EC2InstanceMapping', 'S3ImageMapping', 'HyperVLiveMigrateData', 'VMwareLiveMigrateData', 'Quotas', 'QuotasNoOp'}
PATTERNS = {'MACAddress', 'PCIAddress', 'USBAddress', 'SCSIAddress', 'IDEAddress', 'XenAddress', 'ResourceClass', 'VersionPredicate'}

try:
    warnings.simplefilter('ignore')
    import nova.conf
    from nova import context as nova_context
    from nova import exception as nova_exception
    from nova import objects, rpc
    from nova.notifications import base as notifications
    from nova.notifications.objects import exception as exception_payload
    from nova.notifications.objects import instance as payloads
    from nova.objects import base
    from oslo_versionedobjects import exception as ovo_exception
    from oslo_versionedobjects import fields as ovo_fields
    objects.register_all()
    missing = None
except ImportError as e:
    missing = 'python3-nova is not installed: %s' % e


def described(field):
    """The type of a field in the words of object_class_describe."""
    t = field._type
    name = type(t).__name__
    if name in PATTERNS:
        return 'Pattern'
    if getattr(t, '_valid_values', None):
        return 'Enum{%s}' % ','.join(t._valid_values)
    if hasattr(t, '_obj_name'):
        return 'Object(%s%s)' % (t._obj_name, '*' if t._subclasses else '')
    if hasattr(t, '_element_type'):
        return '%s<%s%s>' % (name, described(t._element_type), '?' if t._element_type.nullable else '')
    return name


def plain(value):
    """As JSON has it; sets in order, JSON within a text unpacked, changes in order."""
    if isinstance(value, base.NovaObject):
        value = value.obj_to_primitive()
    if isinstance(value, dict):
        return {k: sorted(v) if k == 'nova_object.changes' else plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def by_nova(primitive):
    return base.NovaObject.obj_from_primitive(json.loads(json.dumps(primitive)), context=nova_context.get_admin_context())


def sent_by_nova(o):
    return json.loads(json.dumps(o.obj_to_primitive()))


def vectors():
    with open(DATA) as f:
        return [json.loads(line) for line in f]


@unittest.skipIf(missing, missing)
class Objects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.filter = subprocess.Popen([FILTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding='utf-8',
                                      env=novatest.sanitizer_environment(FILTER))
        cls.addClassCleanup(cls.end)
        nova.conf.CONF([], project='nova', default_config_files=[])
        cls.classes = cls.ask('classes')['result']
        cls.nova = {name: found[0] for name, found in base.NovaObjectRegistry.obj_classes().items()}

    @classmethod
    def end(cls):
        cls.filter.stdin.close()
        cls.filter.stdout.close()
        if cls.filter.wait(10):
            raise AssertionError('objects-filter ended with %d' % cls.filter.returncode)

    @classmethod
    def ask(cls, op, **request):
        cls.filter.stdin.write(json.dumps(dict(request, op=op)) + '\n')
        cls.filter.stdin.flush()
        return json.loads(cls.filter.stdout.readline())

    def ours(self, op, **request):
        answer = self.ask(op, **request)
        self.assertIn('result', answer, answer.get('failure'))
        return answer['result']

    def refused(self, op, **request):
        answer = self.ask(op, **request)
        self.assertIn('failure', answer, answer)
        return answer['failure']

    def same(self, ours, theirs, what=None):
        self.assertEqual(plain(ours), plain(theirs), what)

    # --- the tables ---

    def test_every_class_is_novas(self):
        self.assertEqual(set(self.nova) - NOT_OURS, set(self.classes))
        for name, c in self.classes.items():
            self.assertEqual(c['version'], self.nova[name].VERSION, name)

    def test_every_field_is_novas(self):
        for name, c in self.classes.items():
            theirs = self.nova[name].fields
            self.assertEqual(set(theirs), set(c['fields']), name)
            for key, field in theirs.items():
                expected = {'type': described(field), 'nullable': field.nullable, 'read_only': field.read_only}
                if field.default != ovo_fields.UnspecifiedDefault:
                    expected['default'] = plain(field.default)
                self.assertEqual(c['fields'][key], expected, '%s.%s' % (name, key))

    def test_manifests_are_novas(self):
        for name, cls in self.nova.items():
            if name in NOT_OURS:
                continue
            theirs = ovo_base_tree(name)
            self.assertEqual(self.ours('manifest', **{'class': name}), theirs, name)
        self.assertEqual(len(self.ours('manifest', **{'class': None})), len(self.classes))

    # --- values ---

    def test_recorded_objects_are_the_same_to_nova(self):
        for o in vectors():
            name = o['nova_object.name']
            theirs = sent_by_nova(by_nova(o))
            self.same(sent_by_nova(by_nova(self.ours('send', value=o))), theirs, name)
            self.same(self.ours('send', value=theirs), theirs, name)

    def test_values_are_taken_as_nova_takes_them(self):
        pool = [None, True, False, 0, 1, 5, -3, 2.0, 2.7, 1e22, 0.1, '', '5', ' 7 ', '-2', '5.5', '1e3', '0x10', 'text', 'True', 'off', 'yes',
                'x86_64', 'AMD64', 'qemu', 'QEMU', 'xapi', 'hvm', 'pv', 'Linux', 'virtio', 'VIRTIO', 'virtuale1000', 'image', 'volume',
                'local', 'disk', 'running', 'completed', 'shared', '192.0.2.1', '2001:db8::1', '2001:DB8:0:0:0:0:0:1',
                '::ffff:192.0.2.1', '192.0.2.300', 'fa:16:3e:00:00:0A', 'FA-16-3E-00-00-0A', '0000:0a:1f.7', '1:2:3:4', '0:1',
                '000100', UUID, UUID.upper(), UUID.replace('-', ''), '2026-01-02T03:04:05Z', '2026-01-02T03:04:05.600000',
                '2026-01-02T03:04:05+02:00', '>=2.1,<3.0', '>=2', 'VCPU', 'custom_a', [], ['a'], [1, '2', 1], [[1, 1], [2]],
                [{'a': None}], [None], {}, {'a': 'b'}, {'a': 1}, {'a': None}, {'a': [1]}, {'a': ['x']}, '[]', '[{"id": "1"}]', '{}', '{"id": "1"}']
        differences = []
        count = 0
        tried = set()                   # each kind of field once
        for name, cls in self.nova.items():
            if name in NOT_OURS:
                continue
            for key, field in cls.fields.items():
                kind = described(field), field.nullable, repr(field.default)
                if kind in tried:
                    continue
                tried.add(kind)
                for value in pool:
                    if deliberately_different(described(field), value):
                        continue
                    o = primitive(name, cls.VERSION, {key: value})
                    try:
                        theirs = sent_by_nova(by_nova(o))['nova_object.data'].get(key)
                    except Exception as e:
                        theirs = 'refused (%s: %s)' % (type(e).__name__, e)
                    answer = self.ask('parse', value=o)
                    ours = (answer['result']['nova_object.data'].get(key) if 'result' in answer
                            else 'refused (%s)' % answer['failure']['message'])
                    count += 1
                    if not alike(field, ours, theirs):
                        differences.append('%s.%s (%s) %r: ours %r, Nova\'s %r' % (name, key, described(field), value, ours, theirs))
        self.assertEqual(differences, [], '%d of %d differ:\n%s' % (len(differences), count, '\n'.join(differences[:40])))
        self.assertGreater(count, 8000)

    def test_versions_are_judged_as_nova_does(self):
        for name, version in (('Migration', '2.0'), ('Instance', '1.30'), ('Nonsense', '1.0'), ('Tag', 'x.y')):
            o = primitive(name, version, {})
            with self.assertRaises(Exception) as caught:
                by_nova(o)
            failure = self.refused('parse', value=o)
            if isinstance(caught.exception, (ovo_exception.IncompatibleObjectVersion, ovo_exception.UnsupportedObjectError)):
                self.assertEqual(failure['class'], type(caught.exception).__name__)
                self.assertEqual(failure['message'], str(caught.exception))
                self.assertEqual(failure['module'], 'oslo_versionedobjects.exception')
        failure = self.refused('parse', value=dict(primitive('Tag', '1.1', {}), **{'nova_object.namespace': 'cinder'}))
        self.assertEqual(failure['message'], 'Unsupported object type cinder.Tag')

    def test_older_objects_are_read_and_a_third_part_is_dropped(self):
        o = primitive('BlockDeviceMapping', '1.15.4', {'id': 1, 'volume_id': UUID})
        got = self.ours('parse', value=o)
        self.assertEqual(got['nova_object.version'], '1.15')
        self.assertEqual(got['nova_object.data'], {'id': 1, 'volume_id': UUID})
        self.assertFalse(by_nova(got).obj_attr_is_set('encrypted'))

    # --- changes ---

    def test_changes_are_what_nova_would_say(self):
        rng = random.Random(7)
        for o in vectors():
            mine = by_nova(o)
            mine.obj_reset_changes(recursive=True)
            for inner in all_objects(mine):
                keys = [k for k in inner.fields if inner.obj_attr_is_set(k)]
                inner._changed_fields.update(rng.sample(keys, min(len(keys), rng.randrange(2))))
            theirs = sent_by_nova(mine)
            self.same(self.ours('send', value=theirs), theirs, o['nova_object.name'])
            # only the innermost say it; those around it follow
            bare = strip_derived(mine, theirs)
            self.same(self.ours('send', value=bare), theirs, o['nova_object.name'])

    def test_a_field_that_is_set_arrives_changed(self):
        i = objects.Instance(uuid=UUID, host=None)
        i.obj_reset_changes()
        got = by_nova(self.ours('set', value=sent_by_nova(i), field='launched_at', to='2026-01-02T03:04:05.5'))
        self.assertEqual(got.obj_what_changed(), {'launched_at'})
        self.assertEqual(got.launched_at, datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=got.launched_at.tzinfo))
        self.assertIsNone(got.host)
        self.assertFalse(got.obj_attr_is_set('node'))
        failure = self.refused('set', value=sent_by_nova(i), field='vcpus', to='many')
        self.assertEqual(failure['class'], 'ValueError')

    # --- instances ---

    def test_an_instance_comes_back_from_the_struct(self):
        for o in vectors():
            if o['nova_object.name'] != 'Instance' or 'uuid' not in o['nova_object.data']:
                continue
            before, after = by_nova(o), by_nova(self.ours('instance', value=o))
            self.assertEqual(after.obj_what_changed(), set())
            for key in before.fields:
                if not before.obj_attr_is_set(key) or key == 'info_cache':
                    continue
                a, b = getattr(before, key), getattr(after, key)
                if isinstance(a, base.NovaObject):
                    a.obj_reset_changes(recursive=True)
                self.assertEqual(plain(a), plain(b), key)

    def test_only_changed_fields_are_taken_over(self):
        stored = full_instance()
        stored.obj_reset_changes(recursive=True)
        given = full_instance()
        given.host = 'stale'
        given.flavor.memory_mb = 9
        given.obj_reset_changes(recursive=True)
        given.task_state = 'powering-off'
        given.system_metadata = dict(given.system_metadata, clean_attempts='1')
        given.flavor.swap = 77
        got = by_nova(self.ours('merge', value=sent_by_nova(stored), given=sent_by_nova(given)))
        self.assertEqual(got.task_state, 'powering-off')
        self.assertEqual(got.system_metadata['clean_attempts'], '1')
        self.assertEqual((got.flavor.swap, got.flavor.memory_mb), (77, 512))
        self.assertEqual(got.host, 'host1')

    # --- notifications ---

    def payload_of_nova(self, action, context, i, fault, extra):
        name = {'create': 'Create', 'rebuild': 'ActionRebuild', 'rescue': 'ActionRescue', 'snapshot': 'ActionSnapshot'}.get(action, 'Action')
        cls = getattr(payloads, 'Instance%sPayload' % name)
        payload = cls(context=context, instance=i, fault=fault, **dict({'bdms': None} if action in ('create', 'rebuild') else {}, **extra))
        payload.obj_reset_changes(recursive=True)
        return sent_by_nova(payload)

    def test_versioned_payloads_are_novas(self):
        nova.conf.CONF.set_override('notification_format', 'versioned', group='notifications')
        rpc.NOTIFIER = Enabled()                # payloads are filled for somebody who listens only
        self.addCleanup(setattr, rpc, 'NOTIFIER', None)
        context = nova_context.RequestContext(user_id='u1', project_id='p1')
        i = full_instance(context)
        for action, extra in (('power_off', {}), ('create', {}), ('rebuild', {}), ('rescue', {'rescue_image_ref': UUID}),
                              ('snapshot', {'snapshot_image_id': UUID}), ('lock', {})):
            theirs = self.payload_of_nova(action, context, i, None, extra)
            ours = self.ours('payload', value=sent_by_nova(i), action=action, versioned=True, context=members(context), extra=extra)
            self.same(ours, theirs, action)

    def test_the_failure_of_a_versioned_payload_is_read(self):
        context = nova_context.RequestContext(user_id='u1', project_id='p1')
        i = full_instance(context)
        failure = {'class': 'InstanceNotFound', 'module': 'nova.exception', 'message': 'gone', 'kwargs': {}}
        ours = self.ours('payload', value=sent_by_nova(i), action='reboot', versioned=True, context=members(context), failure=failure)
        fault = ours['nova_object.data']['fault']
        self.assertEqual(fault['nova_object.version'], exception_payload.ExceptionPayload.VERSION)
        self.assertEqual(set(fault['nova_object.data']), set(exception_payload.ExceptionPayload.fields) - {'populated'})
        self.assertEqual(fault['nova_object.data']['exception'], 'InstanceNotFound')

    def test_the_unversioned_payload_is_novas(self):
        context = nova_context.RequestContext(user_id='u1', project_id='p1')
        i = full_instance(context)
        theirs = notifications.info_from_instance(context, i, i.get_network_info())
        theirs['image_ref_url'] = i.image_ref         # without a catalog, as Nova then does
        ours = self.ours('payload', value=sent_by_nova(i), action='power_off', versioned=False, context=members(context))
        self.assertEqual(ours, json.loads(json.dumps(theirs, default=str)))


    def listen_to_nova(self, **options):
        """Its notifications from now on, {event_type: payload as sent}, at a time that stands still."""
        from oslo_utils import timeutils
        told = {}

        class Listener:
            def is_enabled(self):
                return True

            def info(self, context, event_type, payload):
                told[event_type] = json.loads(json.dumps(payload, default=str))
        for name, replacement in (('NOTIFIER', Listener()), ('get_notifier', lambda *a, **k: Listener()),
                                  ('get_versioned_notifier', lambda *a, **k: Listener())):
            self.addCleanup(setattr, rpc, name, getattr(rpc, name))
            setattr(rpc, name, replacement)
        for name, value in dict(options, notification_format='both').items():
            group = None if name.startswith('instance_usage') else 'notifications'
            nova.conf.CONF.set_override(name, value, group=group)
            self.addCleanup(nova.conf.CONF.clear_override, name, group=group)
        timeutils.set_time_override(datetime.datetime(2026, 11, 22, 16, 44, 57))
        self.addCleanup(timeutils.clear_time_override)
        return told

    def same_as_told(self, ours, told, name, i, what):
        theirs = told.pop('compute.instance.' + name)
        theirs['image_ref_url'] = i.image_ref         # without a catalog, as Nova then does
        self.assertEqual(ours['unversioned'], theirs, what)
        versioned = told.pop('instance.' + name)
        without_changes(versioned)
        self.same(ours['versioned'], versioned, what)
        self.assertEqual(told, {})

    def test_updates_are_novas(self):
        told = self.listen_to_nova()
        context = nova_context.RequestContext(user_id='u1', project_id='p1')
        i = full_instance(context)
        states = [('active', None, i.display_name), ('active', 'powering-off', i.display_name), ('stopped', None, i.display_name),
                  ('stopped', 'deleting', i.display_name), ('active', None, 'before'), ('error', None, 'before'), ('active', None, None)]
        from unittest import mock
        with mock.patch('nova.image.glance.API.generate_image_url', lambda self, ref, context: ref):
            for unit in ('hour', 'day@5', 'month', 'year'):
                for changes in ('vm_state', 'vm_and_task_state'):
                    nova.conf.CONF.set_override('notify_on_state_change', changes, group='notifications')
                    nova.conf.CONF.set_override('instance_usage_audit_period', unit)
                    for before in states if unit == 'hour' else states[:1]:
                        for vm, task, _ in states[:4]:
                            i.vm_state, i.task_state = vm, task
                            old = dict(zip(('vm_state', 'task_state', 'display_name'), before))
                            notifications.send_update(context, old, i)
                            ours = self.ours('update', value=sent_by_nova(i), before=old, changes=changes, unit=unit,
                                             now=1795365897, context=members(context))
                            self.same_as_told(ours, told, 'update', i, (unit, changes, old, vm, task))
        for name, group in (('notify_on_state_change', 'notifications'), ('instance_usage_audit_period', None)):
            nova.conf.CONF.clear_override(name, group=group)

    def test_what_a_usage_audit_tells_is_novas(self):
        from nova.compute import utils
        from unittest import mock
        told = self.listen_to_nova(instance_usage_audit_period='day@5')
        context = nova_context.get_admin_context()
        i = full_instance(context)
        with mock.patch('nova.image.glance.API.generate_image_url', lambda self, ref, context: ref):
            utils.notify_usage_exists(rpc.get_notifier('compute', 'host1'), context, i, 'host1', ignore_missing_network_data=False)
        ours = self.ours('exists', value=sent_by_nova(i), context=members(context), beginning='2026-11-21 05:00:00',
                         ending='2026-11-22 05:00:00')
        self.same_as_told(ours, told, 'exists', i, 'exists')


def without_changes(value):
    """As the payload's own primitive has no changes when it was just made; those nested in it tell of all their fields."""
    if isinstance(value, dict):
        value.pop('nova_object.changes', None)
        value = list(value.values())
    if isinstance(value, list):
        for v in value:
            without_changes(v)


class Enabled:
    def is_enabled(self):
        return True


def primitive(name, version, data):
    return {'nova_object.name': name, 'nova_object.namespace': 'nova', 'nova_object.version': version, 'nova_object.data': data}


def members(context):
    return {'_context_' + k: v for k, v in context.to_dict().items()}


def ovo_base_tree(name):
    from oslo_versionedobjects import base as ovo_base
    return {k: v for k, v in ovo_base.obj_tree_get_versions(name).items()}


def alike(field, ours, theirs):
    if isinstance(ours, str) and isinstance(theirs, str):
        if ours.startswith('refused') or theirs.startswith('refused'):
            return ours.startswith('refused') == theirs.startswith('refused')
    kind = described(field)
    if kind.startswith('Network') and ours and theirs:
        return len(json.loads(ours)) >= 0       # Nova fills in what a VIF has; the text is ours
    if kind == 'DateTime' and ours and theirs:
        return datetime.datetime.fromisoformat(ours) == datetime.datetime.fromisoformat(theirs)         # we tell UTC always
    if 'Set<' in kind and isinstance(ours, list):
        return unordered(ours) == unordered(theirs)
    return ours == theirs and type(ours) is type(theirs)


def unordered(value):
    if isinstance(value, list):
        return sorted((unordered(v) for v in value), key=repr)
    if isinstance(value, dict):
        return {k: unordered(v) for k, v in value.items()}
    return value


def deliberately_different(kind, value):
    """What Nova takes by accident, and we refuse by name; each is no value that any client sends."""
    if kind == 'UUID' or kind == 'List<UUID>':
        return isinstance(value, (list, dict, str)) and not (kind == 'UUID' and isinstance(value, str))   # the text of a Python list
    if kind.startswith('IP'):
        return not isinstance(value, str) or value in ('5', '', '-2', '5.5', '0x10', '000100', ' 7 ')       # 0.0.0.5
    if kind in ('Integer', 'List<Integer>', 'Set<Integer>') and value == 1e22:
        return True                     # more than 64 bits
    if 'pending' in kind:
        return value in (-3, '-2')      # counted from the end
    if kind == 'NetworkModel':
        return value in ({}, '{}')
    # a text is a list of its characters, a dictionary one of its keys
    if 'List<List' in kind or kind.startswith('Dict<List'):
        return isinstance(value, str) or value in ({}, {'a': 'b'}, ['a'], [{'a': None}]) or isinstance(value, dict) and kind.startswith('List')
    if kind.startswith(('List', 'Set')):
        return isinstance(value, (str, dict))
    return False


def all_objects(o):
    found = [o]
    for key in o.fields:
        if not o.obj_attr_is_set(key):
            continue
        value = getattr(o, key)
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, base.NovaObject):
                found += all_objects(v)
    return found


def strip_derived(o, sent):
    """The primitive with the changes that each object names itself only."""
    bare = dict(sent)
    bare.pop('nova_object.changes', None)
    own = sorted(k for k in o._changed_fields if k in sent['nova_object.data'])
    if own:
        bare['nova_object.changes'] = own
    bare['nova_object.data'] = data = dict(sent['nova_object.data'])
    for key, value in data.items():
        inner = getattr(o, key)
        if isinstance(inner, base.NovaObject):
            data[key] = strip_derived(inner, value)
        elif isinstance(inner, list) and inner and isinstance(inner[0], base.NovaObject):
            data[key] = [strip_derived(a, b) for a, b in zip(inner, value)]
    return bare


def full_instance(context=None):
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    network_info = [{'id': UUID, 'address': 'fa:16:3e:00:00:01', 'devname': 'tap6f9e0b52-6a', 'meta': {}, 'type': 'bridge', 'network': {
        'id': UUID, 'bridge': 'br1', 'label': 'net1', 'meta': {}, 'subnets': [
            {'cidr': '192.0.2.0/24', 'dns': [], 'gateway': None, 'routes': [], 'version': 4, 'meta': {}, 'ips': [
                {'address': '192.0.2.9', 'type': 'fixed', 'version': 4, 'meta': {}, 'floating_ips': []}]}]}}]
    from nova.network import model
    i = objects.Instance(
        context, id=5, uuid=UUID, user_id='u1', project_id='p1', image_ref=UUID, kernel_id=None, ramdisk_id=None, hostname='guest',
        launch_index=0, key_name='k', key_data=None, power_state=1, vm_state='active', task_state='rebooting', memory_mb=512, vcpus=1, root_gb=2,
        ephemeral_gb=3, host='host1', node='node1', instance_type_id=7, user_data=None, reservation_id='r-1', launched_at=when,
        terminated_at=None, availability_zone='nova', display_name='guest', display_description='d', launched_on='host1', locked=False,
        locked_by=None, os_type=None, architecture=None, vm_mode=None, root_device_name='/dev/vda', config_drive='', access_ip_v4='192.0.2.4',
        access_ip_v6=None, auto_disk_config=True, progress=10, cell_name=None, created_at=when, updated_at=when, deleted_at=None,
        deleted=False, cleaned=False, hidden=False, metadata={'a': 'b'}, default_ephemeral_device=None, default_swap_device=None,
        shutdown_terminate=False, disable_terminate=False, ephemeral_key_uuid=None,
        system_metadata={'image_os_type': 'linux', 'image_min_disk': '1', 'owner': 'x', 'locked_reason': 'because'},
        flavor=objects.Flavor(id=7, name='m1.small', memory_mb=512, vcpus=1, root_gb=2, ephemeral_gb=3, flavorid='f7', swap=0,
                              rxtx_factor=1.0, vcpu_weight=0, disabled=False, is_public=True, extra_specs={'hw:x': 'y'}, projects=[],
                              description=None),
        info_cache=objects.InstanceInfoCache(instance_uuid=UUID, network_info=model.NetworkInfo.hydrate(network_info)),
        keypairs=objects.KeyPairList(objects=[objects.KeyPair(user_id='u1', name='k', fingerprint='f', public_key='ssh-rsa A', type='ssh')]),
        tags=objects.TagList(objects=[objects.Tag(resource_id=UUID, tag='t1')]), trusted_certs=None)
    return i
