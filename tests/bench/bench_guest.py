"""From a request to the first word of a guest on its serial line, with real qemu, beside `virsh create` of the same description
in the same run: bench_guest.py BUILD PORT USER PASSWORD ROUNDS, below tests/lib/with-libvirt (bench.py does that). Prints
milliseconds as JSON: {"request": [...], "virsh": [...], "cpu": [...]}; "cpu" is the daemon's own, a build.

The guest is tests/guest/boot.S: it says "guest: boot" as soon as it runs, so that what is measured is not a system booting. It
is emulated: where KVM is offered but runs no guest, both sides are the same."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid

BUILD = os.environ['NOVA_BUILD'] = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import bootguest  # noqa: E402
from novatest import Daemon  # noqa: E402
from bench_instances import HOST, Sender  # noqa: E402
from bench import cpu  # noqa: E402

WORD = b'guest: boot'


class Broker:
    """The one that bench.py runs."""
    host = '127.0.0.1'

    def __init__(self, port, user, password):
        self.port, self.user, self.password = int(port), user, password

    def url(self):
        return 'rabbit://%s:%s@127.0.0.1:%d/' % (self.user, self.password, self.port)


def speaks(log, seconds=60):
    """When the guest has spoken into that file."""
    end = time.perf_counter() + seconds
    while True:
        try:
            with open(log, 'rb') as f:
                if WORD in f.read(4096):
                    return time.perf_counter()
        except FileNotFoundError:
            pass
        if time.perf_counter() > end:
            raise SystemExit('no word of the guest in %s' % log)
        time.sleep(0.001)


def virsh(*arguments, **more):
    return subprocess.run(('virsh', '-q') + arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True, **more).stdout


def main():
    rounds = int(sys.argv[5])
    sender = Sender(Broker(*sys.argv[2:5]))
    d = Daemon(Broker(*sys.argv[2:5]).url(), driver='libvirt.LibvirtDriver', host=HOST,
               options={'debug': 'false', 'periodic_interval': '0', 'stub_network': 'true', 'reserved_host_memory_mb': '0'},
               groups={'libvirt': {'virt_type': 'qemu', 'connection_uri': 'qemu:///system'}})
    took = {'request': [], 'virsh': [], 'cpu': []}
    try:
        os.chmod(d.folder, 0o755)
        bootguest.put(d.state, 'boot')
        d.start()
        image = sender.cloud.image('boot', disk_format='raw')
        instance = sender.cloud.instance(image=image)
        text = sender.message(
            'build_and_run_instance', instance=instance, image=image, request_spec=sender.cloud.request_spec(instance), filter_properties={},
            admin_password=None, injected_files=[], requested_networks=sender.cloud.networks('none'), security_groups=['default'],
            block_device_mapping=sender.cloud.disks(instance), node=None, limits={}, host_list=[], accel_uuids=[])
        for n in range(rounds + 1):     # the first one fetches the image
            guest = str(uuid.uuid4())
            folder = os.path.join(d.state, 'instances', guest)
            before, began = cpu(d.process.pid), time.perf_counter()
            sender.cast(text.replace(instance.uuid, guest))
            ended = speaks(os.path.join(folder, 'console.log'))
            if n:
                took['request'].append(1e3 * (ended - began))
            while not d.sql("SELECT 1 FROM instances WHERE uuid = '%s' AND vm_state = 'active'" % guest):
                if time.perf_counter() > ended + 60:
                    raise SystemExit('not active: ' + d.text()[-3000:])
                time.sleep(0.005)
            if n:
                took['cpu'].append(1e3 * (cpu(d.process.pid) - before))

            # the same description, by hand: its own name, uuid and files
            xml = virsh('dumpxml', '--inactive', guest)
            virsh('destroy', guest)
            other, there = str(uuid.uuid4()), folder + '-virsh'
            shutil.copytree(folder, there, ignore=shutil.ignore_patterns('console.log*'))
            subprocess.run(['chown', '-R', '--reference', folder, there], check=True)
            xml = re.sub(r'<name>[^<]*</name>', '<name>bench-%d</name>' % n, xml.replace(folder + '/', there + '/')).replace(guest, other)
            xml = xml.replace(there.replace(guest, other), there)
            path = os.path.join(d.folder, 'guest.xml')
            with open(path, 'w', encoding='utf-8') as f:
                f.write(xml)
            began = time.perf_counter()
            create = subprocess.Popen(['virsh', '-q', 'create', path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            ended = speaks(os.path.join(there, 'console.log'), 30) if create.poll() in (None, 0) else 0
            if create.wait():
                raise SystemExit(create.stderr.read())
            if n:
                took['virsh'].append(1e3 * (ended - began))
            virsh('destroy', 'bench-%d' % n)
            sender.cast(sender.message('terminate_instance', instance=guest, bdms=[]))
        print(json.dumps(took))
    finally:
        sender.close()
        d.stop()
        d.close()


if __name__ == '__main__':
    main()
