"""Guests with a kernel, on the daemon, asked for by Nova's own client: Debian's kernel and guest agent (tests/guest/linux, which runs this),
emulated, under a libvirt of the test's own, on networks of the host's own. They are looked at from within by their agent, and from the bridge.

Few guests are booted, each for all that it shows: the first by its kernel and ramdisk, on a pc; the second by UEFI from its disk, on a
q35."""
import base64
import contextlib
import crypt
import json
import os
import re
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bootguest  # noqa: E402
from novactlclient import run as novactl  # noqa: E402
from wireclient import SLOW, Host, eventually  # noqa: E402
from test_compute_guest import EssexFailure  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402

MADE = os.environ.get('GUEST_LINUX', '')
KERNEL, RAMDISK, ROOT, UEFI = ('a7e1c0de-0000-4000-8000-00000000000%d' % n for n in range(1, 5))
AGENT = {'hw_qemu_guest_agent': 'yes', 'os_command_line': 'console=ttyS0 quiet'}


class OnLinux(OnCloud):
    driver = 'libvirt.LibvirtDriver'
    groups = {'libvirt': {'virt_type': 'qemu', 'connection_uri': 'qemu:///system'}}
    options = {'network': ['name=private, cidr=10.1.0.0/24, cidr=fd00:1::/64, bridge=br-one, dhcp=yes, dns=10.1.0.53, dns=fd00:1::53, mtu=1400',
                           'name=other, cidr=10.2.0.0/24, bridge=br-two, dhcp=yes']}

    @classmethod
    def make(cls, host, driver=None, **options):
        """As root, who may change the sandbox's network."""
        daemon = Host(cls.url, driver=driver or cls.driver, host=host, options=options, groups={g: dict(v) for g, v in cls.groups.items()})
        cls.addClassCleanup(daemon.close)
        return daemon

    @classmethod
    def setUpClass(cls):
        if not MADE:
            raise unittest.SkipTest('tests/guest/linux has not run this')
        super().setUpClass()
        bootguest.open_to_qemu(cls.daemon.state)
        cls.images = os.path.join(cls.daemon.state, 'images')
        os.makedirs(cls.images, exist_ok=True)
        cls.put_image(KERNEL, os.path.join(MADE, 'vmlinuz'), 'aki')
        cls.put_image(RAMDISK, os.path.join(MADE, 'initrd'), 'ari')
        cls.put_image(UEFI, os.path.join(MADE, 'uefi.img'), 'raw')
        disk = os.path.join(cls.daemon.folder, 'disk')
        os.makedirs(disk)
        with open(os.path.join(disk, 'of-the-image'), 'w', encoding='ascii') as f:
            f.write('kept\n')
        subprocess.run(['mke2fs', '-q', '-F', '-t', 'ext4', '-d', disk, os.path.join(cls.daemon.folder, 'root.img'), '16M'], check=True,
                       stdout=subprocess.DEVNULL)
        cls.put_image(ROOT, os.path.join(cls.daemon.folder, 'root.img'), 'raw')

    @classmethod
    def put_image(cls, image, path, kind):
        subprocess.run(['cp', '--sparse=always', path, os.path.join(cls.images, image)], check=True)
        with open(os.path.join(cls.images, image + '.json'), 'w', encoding='ascii') as f:
            json.dump({'name': kind, 'disk_format': kind, 'container_format': 'bare' if kind == 'raw' else kind}, f)

    def setUp(self):
        pass

    @classmethod
    def boot(cls, image=ROOT, properties=None, **fields):
        """A guest, built; it still boots."""
        c = cls.cloud
        fields.setdefault('flavor', c.flavor(memory_mb=256, root_gb=1))
        return c.build(image=image, image_fields={'disk_format': 'raw', 'properties': {**AGENT, **(properties or {})}}, **fields)

    @classmethod
    def end(cls, guest):
        cls.cloud.terminate(guest)
        cls.cloud.wait_gone(guest, seconds=60)

    def call(self, method, guest, *args, **kwargs):
        return self.cloud.send(method, guest, *args, **kwargs)

    def essex(self, method, seconds=60, **args):
        """The result of a call of Essex's form; its failure is raised as (class, text)."""
        got = [json.loads(m.body) for m in self.connect().essex_call(method, args, seconds)]
        for reply in got:
            if reply.get('failure'):
                raise EssexFailure(*reply['failure'][:2])

    def agent(self, guest, execute, **arguments):
        """What the guest's agent returns."""
        name = self.cloud.row(guest)['name']
        out = subprocess.run(['virsh', 'qemu-agent-command', '--timeout', str(int(20 * SLOW)), name,
                              json.dumps({'execute': execute, 'arguments': arguments})], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False)
        if out.returncode:
            raise AssertionError('the agent, asked for %s: %s' % (execute, out.stdout))
        return json.loads(out.stdout)['return']

    def inside(self, guest, command, check=True):
        """The output of a shell's command within the guest."""
        pid = self.agent(guest, 'guest-exec', **{'path': '/bin/sh', 'arg': ['-c', command], 'capture-output': True})['pid']
        done = {}

        def exited():
            done.update(self.agent(guest, 'guest-exec-status', pid=pid))
            return done['exited']
        eventually(exited, 60, 'the end of ' + command)
        out, err = (base64.b64decode(done.get(k, '')).decode() for k in ('out-data', 'err-data'))
        if check and done.get('exitcode'):
            raise AssertionError('%s: %r: %s%s' % (command, done, out, err))
        return out

    def xml(self, guest):
        return subprocess.check_output(['virsh', 'dumpxml', self.cloud.row(guest)['name']], text=True)

    def vifs(self, guest):
        return json.loads(self.cloud.row(guest)['network_info'])

    def addresses(self, vif):
        return [ip['address'] for subnet in vif['network']['subnets'] for ip in subnet['ips']]


class ByKernel(OnLinux):
    """One guest, booted once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = cls.boot(networks=['private'], kernel_id=KERNEL, ramdisk_id=RAMDISK, hostname='web-1')
        cls.cloud.wait(cls.guest, 'active', seconds=60)
        cls.cloud.wait_console(cls.guest, 'guest: agent', seconds=90)
        ping = ['virsh', 'qemu-agent-command', cls.cloud.row(cls.guest)['name'], '{"execute": "guest-ping"}']
        eventually(lambda: subprocess.call(ping, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0, 30, 'an agent that answers')

    @classmethod
    def tearDownClass(cls):
        cls.end(cls.guest)
        super().tearDownClass()

    def test_it_booted_its_kernel_and_ramdisk_with_its_disk(self):
        console = self.cloud.console(self.guest)
        self.assertIn('guest: disk lost+found of-the-image', console)
        self.assertNotIn('guest: uefi', console)
        xml = self.xml(self.guest)
        self.assertRegex(xml, r"machine='pc-i440fx")
        self.assertRegex(xml, r'<kernel>.*/kernel</kernel>')

    def test_its_password_is_set_by_the_agent(self):
        password = 'Hu5h "quoted" ü'
        self.assertIsNone(self.call('set_admin_password', self.guest, password))
        kept = re.search('^root:([^:]*):', self.inside(self.guest, 'cat /etc/shadow'), re.M).group(1)
        self.assertEqual(crypt.crypt(password, kept), kept)
        self.assertStates(self.guest, 'active', None, 1)
        self.assertNotIn(password, self.daemon.text())

    def test_a_file_is_injected(self):
        for size in (0, 5, 200000):
            contents = os.urandom(size)
            self.essex('inject_file', instance_uuid=self.guest.uuid, path=base64.b64encode(b'/root/a file').decode(),
                       file_contents=base64.b64encode(contents).decode())
            self.assertEqual(base64.b64decode(self.inside(self.guest, 'base64 "/root/a file"')), contents)
        with self.assertRaises(EssexFailure) as raised:
            self.essex('inject_file', instance_uuid=self.guest.uuid, path=base64.b64encode(b'/no/such/folder').decode(), file_contents='aGVsbG8=')
        self.assertIn('/no/such/folder', raised.exception.args[1])

    def test_its_file_systems_are_frozen_and_thawed(self):
        self.assertIsNone(self.call('quiesce_instance', self.guest))
        self.assertEqual(self.agent(self.guest, 'guest-fsfreeze-status'), 'frozen')
        self.call('unquiesce_instance', self.guest)
        eventually(lambda: self.agent(self.guest, 'guest-fsfreeze-status') == 'thawed', 20)
        self.inside(self.guest, 'echo written >/mnt/after && sync')

    def test_it_has_its_addresses_from_dhcp(self):
        four, six = self.addresses(self.vifs(self.guest)[0])
        self.inside(self.guest, 'ip link set eth0 up && udhcpc -i eth0 -n -q -t 10 -T 1 -O mtu -s /etc/dhcp-script')
        self.inside(self.guest, 'dhclient -6 -1 -sf /etc/dhcp-script eth0')
        console = self.cloud.console(self.guest)
        self.assertIn('guest: dhcp eth0 %s/24 router=10.1.0.1 dns=10.1.0.53 mtu=1400 hostname=web-1' % four, console)
        self.assertIn('guest: dhcp6 eth0 %s dns=fd00:1::53' % six, console)
        self.inside(self.guest, 'ping -c 1 -W 5 10.1.0.1')
        self.inside(self.guest, 'ping6 -c 1 -W 5 fd00:1::1')

    def novactl(self, *arguments, **kwargs):
        done = novactl(*arguments, timeout=120, **kwargs)
        self.assertEqual((done.returncode, done.stderr), (0, done.stderr[:0]), arguments)
        return done.stdout

    def test_the_operators_command_reaches_into_it(self):
        uuid, contents = self.guest.uuid, os.urandom(100000)
        self.novactl('inject-file', uuid, '-', '/root/given', stdin=contents, text=False)
        self.assertEqual(base64.b64decode(self.inside(self.guest, 'base64 /root/given')), contents)
        done = novactl('inject-file', uuid, '/etc/hostname', '/no/such/folder')
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Anovactl: putting a file into '%s' failed: .*/no/such/folder" % uuid)
        self.novactl('set-password', uuid, '--password-file=-', stdin='Of the ctl 1\n')
        kept = re.search('^root:([^:]*):', self.inside(self.guest, 'cat /etc/shadow'), re.M).group(1)
        self.assertEqual(crypt.crypt('Of the ctl 1', kept), kept)

        self.novactl('quiesce', uuid)
        self.assertEqual(self.agent(self.guest, 'guest-fsfreeze-status'), 'frozen')
        self.novactl('unquiesce', uuid)
        self.assertEqual(self.agent(self.guest, 'guest-fsfreeze-status'), 'thawed')
        self.novactl('crash-dump', uuid)                       # nobody in there dumps: its kernel says what it got
        eventually(lambda: 'NMI' in self.inside(self.guest, 'dmesg'), 20, 'the interrupt in the guest')

        self.novactl('attach-interface', uuid, 'other', '--fixed-ip=10.2.0.99')
        [vif] = [v for v in self.vifs(self.guest) if self.addresses(v) == ['10.2.0.99']]
        eventually(lambda: self.inside(self.guest, 'grep -il %s /sys/class/net/*/address || :' % vif['address']), 30, 'the interface in the guest')
        self.novactl('detach-interface', uuid, vif['address'])
        self.assertNotIn(vif['address'], self.inside(self.guest, 'cat /sys/class/net/*/address'))
        self.novactl('reset-network', uuid)
        self.inside(self.guest, 'echo said on the line >/dev/ttyS0')
        eventually(lambda: 'said on the line' in self.novactl('console', '--no-follow', uuid), 20, 'what the guest says')

    def test_it_gets_an_interface_and_gives_it_back(self):
        assertInterfaceComesAndGoes(self, self.guest)

    def test_it_can_be_nobody_else_on_the_network(self):
        vif, = self.vifs(self.guest)
        four, six = self.addresses(vif)
        own, other = mac(vif['address']), mac('fa:16:3e:66:66:66')
        frames = {
            'own IPv4': (own, ipv4(four, 4000, 4000), True),
            'own ARP': (own, arp(own, four), True),
            'ARP probe': (own, arp(own, '0.0.0.0'), True),
            'DHCP client': (own, ipv4('0.0.0.0', 68, 67), True),
            'own IPv6': (own, ipv6(six, 4000, 4000), True),
            'link-local IPv6': (own, ipv6('fe80::1', 546, 547), True),
            'another MAC': (other, ipv4(four, 4000, 4000), False),
            'another IPv4': (own, ipv4('10.1.0.1', 4000, 4000), False),
            'ARP for another IPv4': (own, arp(own, '10.1.0.1'), False),
            'ARP for another MAC': (own, arp(other, four), False),
            'DHCP server': (own, ipv4(four, 67, 68), False),
            'another IPv6': (own, ipv6('fd00:1::1', 4000, 4000), False),
            'router advertisement': (own, ipv6('fe80::1', icmp=134), False),
            'DHCPv6 server': (own, ipv6('fe80::1', 547, 546), False),
            'own IPv6 of another MAC': (other, ipv6(six, 4000, 4000), False),
            'redirection': (own, ipv6('fe80::1', icmp=137), False),
            'solicitation': (own, ipv6('fe80::1', icmp=135), True),
            'unset IPv6': (own, ipv6('::', icmp=135), True),
            'the last': (own, ipv4(four, 4001, 4001), True),
        }
        self.inside(self.guest, 'ip link set eth0 up')
        with listen(vif['devname']) as tap, listen(vif['network']['bridge']) as bridge:
            self.inside(self.guest, 'send-frames eth0 ' + ' '.join(
                (b'\xff' * 6 + source + packet(b'<%s>' % name.encode())).ljust(60, b'\0').hex() for name, (source, packet, _) in frames.items()))
            self.assertEqual(marks(tap), list(frames))
            self.assertEqual(marks(bridge), [name for name, (_, _, passes) in frames.items() if passes])

    def test_its_console_is_read_on_when_it_was_turned_over(self):
        self.inside(self.guest, 'i=0; while [ $i -lt 2000 ]; do echo "console line $i, of some length, so that it is a fuller one"; i=$((i + 1)); '
                    'done >/dev/ttyS0')
        log = os.path.join(self.daemon.state, 'instances', self.guest.uuid, 'console.log')
        self.assertTrue(os.path.exists(log + '.0'))
        lines = self.cloud.wait_console(self.guest, 'console line 1999,').replace('\r', '').strip().split('\n')
        found = [int(re.match('console line ([0-9]+),', line).group(1)) for line in lines[1:] if line.startswith('console')]
        self.assertEqual(found, list(range(found[0], 2000)))
        self.assertGreater(len(found) * 64, 65536)
        self.assertEqual(self.cloud.console(self.guest, 2), lines[-1] + '\r\n')


class ByUefi(OnLinux):
    """Of a machine of today, from a disk that UEFI boots; it is shut down by its agent."""

    def test_a_guest_of_q35_and_uefi(self):
        guest = self.boot(image=UEFI, properties={'hw_machine_type': 'q35', 'hw_firmware_type': 'uefi'}, networks=['private'])
        self.cloud.wait(guest, 'active', seconds=60)
        console = self.cloud.wait_console(guest, 'guest: agent', seconds=120)
        self.assertIn('guest: uefi', console)
        xml = self.xml(guest)
        self.assertRegex(xml, r"machine='pc-q35")
        nvram = re.search('<nvram[^>]*>([^<]*)</nvram>', xml).group(1)
        self.assertTrue(os.path.exists(nvram))
        assertInterfaceComesAndGoes(self, guest)
        self.cloud.stop(guest)
        self.cloud.wait(guest, 'stopped', seconds=60)
        self.assertIn('guest: shutdown ', self.cloud.console(guest))
        self.end(guest)
        self.assertFalse(os.path.exists(nvram))


def assertInterfaceComesAndGoes(test, guest):
    before, faults = test.vifs(guest), test.cloud.faults(guest)
    vif = test.call('attach_interface', guest, 'other', None, None)
    test.assertIn(vif['id'], [v['id'] for v in test.vifs(guest)])
    test.assertIn('<nova:port uuid="%s">' % vif['id'], test.xml(guest))
    name = eventually(lambda: test.inside(guest, 'grep -il %s /sys/class/net/*/address || :' % vif['address']), 30).split('/')[-2]
    test.inside(guest, 'ip link set %s up && udhcpc -i %s -n -q -t 10 -T 1 -s /etc/dhcp-script' % (name, name))
    test.assertIn('guest: dhcp %s %s/24 ' % (name, test.addresses(vif)[0]), test.cloud.console(guest))
    test.inside(guest, 'ping -c 1 -W 5 10.2.0.1')
    test.call('detach_interface', guest, vif['id'])
    eventually(lambda: test.vifs(guest) == before, 30, 'the detaching')
    test.assertNotIn(vif['address'], test.xml(guest))
    test.assertNotIn(vif['id'], test.xml(guest))
    test.assertNotIn(name, test.inside(guest, 'ls /sys/class/net'))
    test.assertFalse(os.path.exists('/sys/class/net/' + vif['devname']))
    test.assertEqual(test.cloud.sql('SELECT address FROM virtual_interfaces WHERE uuid = ?', vif['id']), [])
    test.assertEqual(test.cloud.faults(guest), faults)


# ---- frames ----

def mac(text):
    return bytes.fromhex(text.replace(':', ''))


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], 'big') for i in range(0, len(data), 2))
    return (~((total & 0xffff) + (total >> 16)) & 0xffff).to_bytes(2, 'big')


def udp(sport, dport, mark):
    return sport.to_bytes(2, 'big') + dport.to_bytes(2, 'big') + (8 + len(mark)).to_bytes(2, 'big') + bytes(2) + mark


def ipv4(source, sport, dport):
    def packet(mark):
        payload = udp(sport, dport, mark)
        head = [b'\x45\0' + (20 + len(payload)).to_bytes(2, 'big') + b'\0\0\0\0\x40\x11', socket.inet_aton(source) + b'\xff' * 4]
        return b'\x08\x00' + head[0] + checksum(b''.join(head)) + head[1] + payload
    return packet


def ipv6(source, sport=0, dport=0, icmp=None):
    """To all nodes."""
    def packet(mark):
        payload = udp(sport, dport, mark) if icmp is None else bytes([icmp, 0, 0, 0]) + bytes(12) + mark
        return (b'\x86\xdd\x60\0\0\0' + len(payload).to_bytes(2, 'big') + bytes([17 if icmp is None else 58, 255]) +
                socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, 'ff02::1') + payload)
    return packet


def arp(source, address):
    """An announcement."""
    return lambda mark: b'\x08\x06\0\x01\x08\0\6\4\0\2' + source + socket.inet_aton(address) + b'\xff' * 6 + socket.inet_aton(address) + mark


@contextlib.contextmanager
def listen(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.bind((interface, 0))
        s.settimeout(20 * SLOW)
        yield s


def marks(s):
    """Those of the frames that come, up to the last."""
    found = []
    while 'the last' not in found:
        mark = re.search(b'<([A-Za-z0-9 -]+)>', s.recv(2048))        # others' frames have any bytes
        if mark:
            found.append(mark.group(1).decode())
    return found


if __name__ == '__main__':
    unittest.main(verbosity=2)
