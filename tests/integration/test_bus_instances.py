"""Instances and jobs on the bus, of the daemon itself with the fake driver, asked for by Nova's own client: what ObjectManager has,
what is signalled and what is not, by whom a job may be cancelled. alice may do all (bus.rules), bob next to nothing."""
import os
import sys
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from busclient import INSTANCE, MANAGER, PATH, Error  # noqa: E402
from novatest import SOURCE, eventually  # noqa: E402
from test_bus import introspected  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402

OBJECTS = 'org.freedesktop.DBus.ObjectManager'


def instance_path(uuid):
    return PATH + '/instance/' + uuid.replace('-', '_')


class OnBus(OnCloud):
    def setUp(self):
        super().setUp()
        self.bob = self.bus('bob')

    def assertError(self, name, text, function, *args, **kwargs):
        with self.assertRaises(Error) as raised:
            function(*args, **kwargs)
        self.assertEqual(raised.exception.name, name, raised.exception)
        self.assertRegex(raised.exception.text, text)

    def objects(self, client=None):
        """What ObjectManager has: {path: {interface: {property: value}}}."""
        found = (client or self.bob).call(OBJECTS, 'GetManagedObjects')[0]
        return {path: {i: {k: v[1] for k, v in p.items()} for i, p in interfaces.items()} for path, interfaces in found.items()}

    def of(self, guest, name=None):
        all_of_it = self.bob.all(INSTANCE, instance_path(guest.uuid))
        return all_of_it[name] if name else all_of_it


class Objects(OnBus):
    def test_an_instance_is_on_the_bus_as_it_is_in_the_store(self):
        guest = self.built(display_name='web one', metadata={'role': 'web', 'tier': '1'}, key_name='mine', config_drive='True')
        eventually(lambda: self.of(guest, 'TaskState') == '')
        row, said = self.cloud.row(guest.uuid), self.of(guest)
        self.assertEqual(said['Uuid'], guest.uuid)
        self.assertEqual((said['Name'], said['DisplayName'], said['Hostname']), (row['name'], 'web one', row['hostname']))
        self.assertEqual((said['Project'], said['User']), (row['project_id'], row['user_id']))
        self.assertEqual((said['VmState'], said['TaskState'], said['PowerState']), ('active', '', 'running'))
        self.assertEqual((said['Flavor'], said['VCPUs'], said['MemoryMiB'], said['RootGiB'], said['EphemeralGiB'], said['SwapMiB']),
                         ('m1.tiny', 1, 64, 1, 0, 0))
        self.assertEqual(said['Metadata'], {'role': 'web', 'tier': '1'})
        self.assertEqual((said['KeyName'], said['ConfigDrive'], said['Image']), ('mine', True, 'cirros'))
        self.assertEqual((said['Networks'], said['Volumes'], said['Fault'], said['FaultUSec'], said['Locked']), ([], [], '', 0, False))
        self.assertTrue(0 < said['CreatedUSec'] <= said['LaunchedUSec'] <= said['UpdatedUSec'])
        self.assertEqual(said['TerminatedUSec'], 0)
        self.assertIn('Stop', said['Verbs'])
        self.assertIn('Reboot', said['Verbs'])
        self.assertNotIn('Start', said['Verbs'])
        self.assertNotIn('Unpause', said['Verbs'])
        eventually(lambda: self.of(guest, 'Jobs') == [])

        managed = self.objects()
        self.assertEqual(managed[instance_path(guest.uuid)][INSTANCE], self.of(guest))
        self.assertEqual(self.bob.get('NInstances', MANAGER), len([p for p in managed if '/instance/' in p]))

        self.cloud.terminate(guest)
        self.assertGone(guest)
        eventually(lambda: instance_path(guest.uuid) not in self.objects())
        self.assertError('org.freedesktop.DBus.Error.UnknownObject', 'Unknown object', self.of, guest)

    def test_introspection_of_an_instance_equals_the_installed_xml(self):
        guest = self.built()
        text = self.bob.call('org.freedesktop.DBus.Introspectable', 'Introspect', path=instance_path(guest.uuid))[0]
        found = {i.get('name'): introspected(None, i) for i in ElementTree.fromstring(text).findall('interface')}
        file = ElementTree.parse(os.path.join(SOURCE, 'dbus', INSTANCE + '.xml')).getroot().find('interface')
        self.assertEqual(found[INSTANCE], introspected(None, file))
        text = self.bob.call('org.freedesktop.DBus.Introspectable', 'Introspect', path=PATH + '/instance')[0]
        self.assertIn(guest.uuid.replace('-', '_'), {n.get('name') for n in ElementTree.fromstring(text).findall('node')})
