"""What OpenStack's API and conductor would do for a user, by their own code: nova.compute.rpcapi.ComputeAPI with nova.objects
(Debian's python3-nova) over RabbitMQ, and no OpenStack service behind it.

    cloud = Cloud('rabbit://user:password@127.0.0.1:5672/', host='node1', database='/var/lib/nova/nova.sqlite')
    guest = cloud.build(image='cirros')
    cloud.wait(guest, 'active')
    cloud.stop(guest)

A server of OpenStack writes states into its database before it sends; here the compute host's own store is the one that
counts, and the client reads it with sqlite3.
"""
import contextlib
import copy
import json
import os
import sqlite3
import sys
import time
import uuid as uuids

SLOW = float(os.environ.get('NOVA_TEST_SLOWNESS', '1'))

_transport_url = None


def compute_api(url):
    """Nova's client half, set up for this broker. One broker at a time: its transport is global there."""
    global _transport_url
    import nova.conf
    import oslo_messaging
    from nova import objects, rpc
    from nova.compute import rpcapi
    from oslo_messaging._metrics import client as metrics       # as the client's own module would
    from oslo_messaging.rpc import client as rpc_client
    conf = nova.conf.CONF
    if _transport_url is None:
        conf([], project='nova', default_config_files=[], default_config_dirs=[])
        if 'oslo_messaging_metrics' not in conf:
            conf.register_opts(metrics.oslo_messaging_metrics, group='oslo_messaging_metrics')
        conf.set_override('metrics_thread_stop_timeout', 0, group='oslo_messaging_metrics')
        conf.set_override('compute', '6.1', group='upgrade_levels')     # else it would ask a conductor
        oslo_messaging.TransportURL.parse(conf, url)                    # registers transport_url
        conf.register_opts(rpc_client._client_opts)                     # and this the timeout
        objects.register_all()
        rpc.set_defaults(control_exchange='nova')
    if url != _transport_url:
        conf.set_override('transport_url', url)
        if rpc.TRANSPORT:
            rpc.cleanup()
        rpc.init(conf)
        rpcapi.reset_globals()          # it keeps a client of the old one
        _transport_url = url
    return rpcapi.ComputeAPI()


class Cloud:
    """A user's view of one compute host."""

    def __init__(self, url, host='testhost', database=None, user='demo', project='demo', admin=True, timeout=10):
        self.api = compute_api(url)
        import nova.conf
        from nova import context, objects
        nova.conf.CONF.set_override('rpc_response_timeout', timeout * SLOW)
        self.objects, self.context_class = objects, context.RequestContext
        self.host, self.database = host, database
        self.user, self.project, self.admin = user, project, admin

    def close(self):
        """Lets go of the broker; the next Cloud connects anew."""
        global _transport_url
        from nova import rpc
        if rpc.TRANSPORT:
            rpc.cleanup()
        _transport_url = ''

    # --- what is sent -------------------------------------------------------------------------------------

    def context(self, **more):
        """Of a new request."""
        values = {'user_id': self.user, 'project_id': self.project, 'is_admin': self.admin, 'roles': ['member', 'reader']}
        values.update(more)
        return self.context_class(**values)

    def flavor(self, name='m1.tiny', **fields):
        values = {'id': 1, 'name': name, 'flavorid': '1', 'memory_mb': 64, 'vcpus': 1, 'root_gb': 1, 'ephemeral_gb': 0, 'swap': 0,
                  'rxtx_factor': 1.0, 'vcpu_weight': 0, 'disabled': False, 'is_public': True, 'extra_specs': {}, 'deleted': False,
                  'description': None}
        values.update(fields)
        flavor = self.objects.Flavor(self.context(), **values)
        flavor.obj_reset_changes()
        return flavor

    @staticmethod
    def image(image, **fields):
        """The image service's dictionary, as far as a build needs it."""
        values = {'id': image, 'name': image, 'status': 'active', 'disk_format': 'qcow2', 'container_format': 'bare', 'size': 1 << 20,
                  'min_disk': 0, 'min_ram': 0, 'checksum': None, 'properties': {}, 'is_public': True, 'deleted': False}
        values.update(fields)
        return values

    def instance(self, image=None, flavor=None, networks=None, metadata=None, uuid=None, **fields):
        """As the API has made it before the build."""
        from nova.network import model
        o, ctxt = self.objects, self.context()
        flavor = flavor or self.flavor()
        uuid = uuid or str(uuids.uuid4())
        image = image or {}
        system = {'image_' + k: str(v) for k, v in (image.get('properties') or {}).items()}
        system.update({'image_' + k: str(image[k]) for k in ('disk_format', 'container_format', 'min_disk', 'min_ram') if k in image})
        if image.get('id'):
            system['image_base_image_ref'] = image['id']
        values = {
            'uuid': uuid, 'user_id': self.user, 'project_id': self.project, 'image_ref': image.get('id', ''), 'hostname': 'guest',
            'display_name': 'guest', 'display_description': None, 'reservation_id': 'r-' + uuid[:8], 'launch_index': 0,
            'vm_state': 'building', 'task_state': 'scheduling', 'power_state': 0, 'progress': 0, 'host': None, 'node': None,
            'launched_on': None, 'launched_at': None, 'terminated_at': None, 'memory_mb': flavor.memory_mb, 'vcpus': flavor.vcpus,
            'root_gb': flavor.root_gb, 'ephemeral_gb': flavor.ephemeral_gb, 'instance_type_id': flavor.id, 'flavor': flavor,
            'old_flavor': None, 'new_flavor': None, 'availability_zone': 'nova', 'root_device_name': None, 'config_drive': '',
            'user_data': None, 'key_name': None, 'key_data': None, 'locked': False, 'locked_by': None, 'os_type': None,
            'architecture': None, 'vm_mode': None, 'kernel_id': '', 'ramdisk_id': '', 'access_ip_v4': None, 'access_ip_v6': None,
            'auto_disk_config': False, 'default_ephemeral_device': None, 'default_swap_device': None, 'ephemeral_key_uuid': None,
            'shutdown_terminate': False, 'disable_terminate': False, 'cell_name': None, 'cleaned': False, 'hidden': False,
            'deleted': False, 'deleted_at': None, 'created_at': None, 'updated_at': None, 'metadata': metadata or {},
            'system_metadata': system, 'numa_topology': None, 'vcpu_model': None, 'trusted_certs': None,
            'migration_context': None, 'device_metadata': None, 'resources': None,
            'security_groups': o.SecurityGroupList(objects=[]), 'tags': o.TagList(objects=[]), 'keypairs': o.KeyPairList(objects=[]),
            'ec2_ids': o.EC2Ids(instance_id='i-00000001', ami_id='ami-00000001'),
            'pci_requests': o.InstancePCIRequests(instance_uuid=uuid, requests=[]), 'pci_devices': o.PciDeviceList(objects=[]),
            'info_cache': o.InstanceInfoCache(instance_uuid=uuid, network_info=model.NetworkInfo([]), deleted=False),
        }
        values.update(fields)
        instance = o.Instance(ctxt, **values)
        instance.obj_reset_changes(recursive=True)
        return instance

    def request_spec(self, instance, **fields):
        o = self.objects
        values = {'instance_uuid': instance.uuid, 'flavor': instance.flavor, 'project_id': self.project, 'user_id': self.user,
                  'num_instances': 1, 'availability_zone': None, 'scheduler_hints': {}, 'ignore_hosts': None, 'force_hosts': None,
                  'force_nodes': None, 'image': None, 'numa_topology': None, 'instance_group': None, 'requested_resources': [],
                  'security_groups': o.SecurityGroupList(objects=[])}
        values.update(fields)
        return o.RequestSpec(self.context(), **values)

    def networks(self, wanted='none'):
        """NetworkRequestList: 'none', 'auto', or a list of network ids and of dictionaries of NetworkRequest's fields."""
        if isinstance(wanted, str):
            wanted = [wanted]
        requests = [self.objects.NetworkRequest(**(dict(network_id=each) if isinstance(each, str) else each)) for each in wanted]
        return self.objects.NetworkRequestList(objects=requests)

    def disks(self, instance, **fields):
        """BlockDeviceMappingList of a boot from an image."""
        values = {'instance_uuid': instance.uuid, 'source_type': 'image', 'destination_type': 'local', 'boot_index': 0,
                  'device_type': 'disk', 'delete_on_termination': True, 'image_id': instance.image_ref, 'volume_id': None,
                  'snapshot_id': None, 'guest_format': None, 'disk_bus': None, 'no_device': False, 'device_name': None,
                  'connection_info': None, 'tag': None, 'volume_size': None}
        values.update(fields)
        bdm = self.objects.BlockDeviceMapping(self.context(), **values)
        bdm.obj_reset_changes()
        return self.objects.BlockDeviceMappingList(objects=[bdm])

    # --- requests -----------------------------------------------------------------------------------------

    def build(self, instance=None, image='cirros', networks='none', admin_password=None, injected_files=(), limits=None, node=None,
              image_fields=None, bdms=None, context=None, **fields):
        """Casts build_and_run_instance of @instance, or of a new one with these fields. The Instance."""
        image = self.image(image, **(image_fields or {})) if isinstance(image, str) else image
        instance = instance or self.instance(image=image, **fields)
        self.api.build_and_run_instance(
            context or self.context(), instance, host=self.host, image=image, request_spec=self.request_spec(instance),
            filter_properties={}, admin_password=admin_password, injected_files=list(injected_files),
            requested_networks=self.networks(networks), security_groups=['default'],
            block_device_mapping=self.disks(instance) if bdms is None else bdms, node=node, limits=limits or {}, host_list=[],
            accel_uuids=[])
        return instance

    def known(self, instance):
        """The Instance as the API would send it after the build: what its database says."""
        return self.stored(instance.uuid if hasattr(instance, 'uuid') else instance)

    def stored(self, uuid):
        """The Instance of the store, by nova's own deserialization of what is kept there, with the row's states."""
        row = self.row(uuid)
        if row is None:
            raise AssertionError('the store has no instance %s' % uuid)
        instance = self.objects.Instance.obj_from_primitive(copy.deepcopy(json.loads(row['object'])), self.context())
        for name in ('id', 'vm_state', 'task_state', 'power_state', 'host', 'node', 'launched_on'):
            setattr(instance, name, row[name])
        instance.obj_reset_changes(recursive=True)
        return instance

    def send(self, method, instance, *args, context=None, **kwargs):
        """Any method of ComputeAPI whose first argument is the instance (an Instance, or a uuid of the store)."""
        instance = self.known(instance) if isinstance(instance, str) else self.refreshed(instance)
        return getattr(self.api, method)(context or self.context(), instance, *args, **kwargs)

    def refreshed(self, instance):
        """With the host that its messages go to."""
        if not instance.obj_attr_is_set('host') or not instance.host:
            instance.host = self.host
            instance.obj_reset_changes(['host'])
        return instance

    def terminate(self, instance, **more):
        self.send('terminate_instance', instance, self.objects.BlockDeviceMappingList(objects=[]), **more)

    def stop(self, instance, clean=True, **more):
        self.send('stop_instance', instance, clean_shutdown=clean, **more)

    def start(self, instance, **more):
        self.send('start_instance', instance, **more)

    def reboot(self, instance, kind='SOFT', **more):
        self.send('reboot_instance', instance, None, kind, **more)

    def pause(self, instance, **more):
        self.send('pause_instance', instance, **more)

    def unpause(self, instance, **more):
        self.send('unpause_instance', instance, **more)

    def suspend(self, instance, **more):
        self.send('suspend_instance', instance, **more)

    def resume(self, instance, **more):
        self.send('resume_instance', instance, **more)

    def soft_delete(self, instance, **more):
        self.send('soft_delete_instance', instance, **more)

    def restore(self, instance, **more):
        self.send('restore_instance', instance, **more)

    def console(self, instance, lines=None, **more):
        """The text of its serial console, or its last lines."""
        return self.api.get_console_output(more.pop('context', None) or self.context(), self.refreshed(instance), lines)

    def wait_console(self, instance, text, seconds=30):
        """Its console's text, once @text is in it."""
        end = time.monotonic() + seconds * SLOW
        while True:
            found = self.console(instance)
            if text in found:
                return found
            if time.monotonic() > end:
                raise AssertionError('%r is not on the console within %g s: %r' % (text, seconds * SLOW, found[-1000:]))
            time.sleep(0.1)

    # --- what came of it ----------------------------------------------------------------------------------

    def sql(self, statement, *parameters):
        """The rows of a query, by a connection that only reads and is closed at once."""
        with contextlib.closing(sqlite3.connect('file:%s?mode=ro' % self.database, uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement, parameters)]

    def row(self, instance):
        """The row of an instance, the living one if there is one; None."""
        uuid = instance if isinstance(instance, str) else instance.uuid
        rows = self.sql('SELECT * FROM instances WHERE uuid = ? ORDER BY deleted, row DESC LIMIT 1', uuid)
        return rows[0] if rows else None

    def states(self, instance):
        """(vm_state, task_state, power_state), or None without a row."""
        row = self.row(instance)
        return (row['vm_state'], row['task_state'], row['power_state']) if row else None

    def wait(self, instance, vm_state, task_state=None, seconds=20):
        """Until it has these states; the row. Fails at once when it ends in error instead, with its fault."""
        end = time.monotonic() + seconds * SLOW
        while True:
            row = self.row(instance)
            if row and (row['vm_state'], row['task_state']) == (vm_state, task_state):
                return row
            if row and row['vm_state'] == 'error' and vm_state != 'error' and row['task_state'] is None:
                raise AssertionError('instance %s is in error: %s' % (row['uuid'], self.faults(instance)))
            if time.monotonic() > end:
                raise AssertionError('instance %s is %r, not %r within %g s; faults: %s' % (
                    instance if isinstance(instance, str) else instance.uuid,
                    row and (row['vm_state'], row['task_state'], row['power_state']), (vm_state, task_state), seconds * SLOW,
                    self.faults(instance)))
            time.sleep(0.02)

    def wait_gone(self, instance, seconds=20):
        """Until its row is deleted; that row."""
        end = time.monotonic() + seconds * SLOW
        while True:
            row = self.row(instance)
            if row and row['deleted']:
                return row
            if time.monotonic() > end:
                raise AssertionError('instance is not deleted within %g s: %r' % (seconds * SLOW, row and self.states(instance)))
            time.sleep(0.02)

    def wait_ended(self, instance, seconds=20):
        """Until nothing that was begun on it goes on; its last action."""
        end = time.monotonic() + seconds * SLOW
        while True:
            actions = self.actions(instance)
            if actions and all(result for _, _, events in actions for _, result in events):
                return actions[-1]
            if time.monotonic() > end:
                raise AssertionError('not ended within %g s: %r' % (seconds * SLOW, actions))
            time.sleep(0.02)

    def faults(self, instance):
        """Its faults, the newest first."""
        uuid = instance if isinstance(instance, str) else instance.uuid
        return self.sql('SELECT code, message, details, host FROM instance_faults WHERE instance_uuid = ? ORDER BY id DESC', uuid)

    def actions(self, instance):
        """(action, message, [(event, result)]) in their order."""
        uuid = instance if isinstance(instance, str) else instance.uuid
        found = []
        for action in self.sql('SELECT * FROM instance_actions WHERE instance_uuid = ? ORDER BY id', uuid):
            events = self.sql('SELECT event, result FROM instance_actions_events WHERE action_id = ? ORDER BY id', action['id'])
            found.append((action['action'], action['message'], [(e['event'], e['result']) for e in events]))
        return found


if __name__ == '__main__':
    sys.exit('This is a module: see README.md, "Build a guest".')
