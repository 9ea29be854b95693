#!/usr/bin/python3
"""A real guest's way from the request to its first serial line, beside `virsh create` of the same XML over the same files, by turns in one
run: bench_guests.py BUILD [--quick]. Run inside tests/lib/sandbox and tests/lib/with-libvirt. Guests are emulated; what the daemon
adds is the difference."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
ROUNDS = 3 if '--quick' in sys.argv else 15
os.environ['NOVA_BUILD'] = BUILD
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from broker import Broker  # noqa: E402
from computeclient import Cloud  # noqa: E402
from novatest import Daemon  # noqa: E402

IMAGE = '155d900f-4e14-4e4c-a73d-069cbf4541e6'
OTHER = '255d900f-4e14-4e4c-a73d-069cbf4541e6'
BUDGET = 150        # ms beyond virsh create


def first_line(console, began):
    """ms from @began until the guest's first line is in the file."""
    end = began + 120
    while time.perf_counter() < end:
        try:
            with open(console, 'rb') as f:
                if b'guest: boot' in f.read(4096):
                    return 1e3 * (time.perf_counter() - began)
        except FileNotFoundError:
            pass
        time.sleep(0.001)
    raise SystemExit('no guest speaks in %s' % console)


def virsh(*arguments):
    return subprocess.run(('virsh',) + arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


def once(cloud, daemon):
    """(ms of the daemon, ms of virsh) for one guest."""
    image = cloud.image(IMAGE, disk_format='raw')
    instance = cloud.instance(image=image)
    folder = os.path.join(daemon.state, 'instances', instance.uuid)
    console = os.path.join(folder, 'console.log')
    began = time.perf_counter()
    cloud.build(instance, image=image)
    ours = first_line(console, began)
    cloud.wait(instance, 'active', seconds=60)
    name = virsh('list', '--name').split()[0]
    xml = folder + '.xml'
    with open(xml, 'w', encoding='utf-8') as f:
        # as a guest of nobody's: the daemon ends a domain that comes back after its instance was deleted
        text = virsh('dumpxml', '--inactive', name).replace('<name>%s<' % name, '<name>alone<')
        for mark in ('<uuid>%s<', "name='serial'>%s<", "name='uuid'>%s<"):
            text = text.replace(mark % instance.uuid, mark % OTHER)
        f.write(text)
    shutil.copytree(folder, folder + '.copy', copy_function=shutil.copyfile)     # without libvirt's marks of who uses it
    cloud.terminate(instance)
    cloud.wait_gone(instance, seconds=60)

    os.rename(folder + '.copy', folder)
    os.truncate(console, 0)
    began = time.perf_counter()
    process = subprocess.Popen(['virsh', 'create', xml], stdout=subprocess.DEVNULL)
    theirs = first_line(console, began)
    process.wait()
    virsh('destroy', 'alone')
    shutil.rmtree(folder)
    os.unlink(xml)
    return ours, theirs


def main():
    folder = tempfile.mkdtemp(prefix='nova-bench.')
    os.chmod(folder, 0o755)
    broker = Broker(os.path.join(folder, 'broker')).start()
    daemon = Daemon(broker.url(), driver='libvirt.LibvirtDriver', options={'debug': 'false'},
                    groups={'libvirt': {'virt_type': 'qemu', 'connection_uri': 'qemu:///system'}})
    try:
        os.chmod(daemon.folder, 0o755)
        images = os.path.join(daemon.state, 'images')
        os.makedirs(images)
        shutil.copy(os.path.join(BUILD, 'tests', 'guest', 'boot.bin'), os.path.join(images, IMAGE))
        os.truncate(os.path.join(images, IMAGE), 4 << 20)
        daemon.start()
        cloud = Cloud(broker.url(), host=daemon.host, database=os.path.join(daemon.state, 'nova.sqlite'))
        cold = once(cloud, daemon)[0]
        pairs = [once(cloud, daemon) for _ in range(ROUNDS)]
        ours, theirs = statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)
        beyond = statistics.median(p[0] - p[1] for p in pairs)
        print('%-58s %7.0f ms' % ('build request to first serial line, image not in the cache', cold))
        print('%-58s %7.0f ms' % ('build request to first serial line, median of %d' % ROUNDS, ours))
        print('%-58s %7.0f ms' % ('virsh create of the same XML to it, median', theirs))
        print('%-58s %7.0f ms   <= %d ms %s' % ('difference, median', beyond, BUDGET, 'yes' if beyond <= BUDGET else 'NO'))
    finally:
        daemon.close()
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
