#!/usr/bin/python3
"""The figures of the daemon, each beside its budget and, for RPC, beside a bare librabbitmq echo on the same broker in the same
run: bench.py BUILD [--quick]. Run inside tests/lib/sandbox. A figure over its budget is marked; nothing fails by it.

Machines are noisy: compare within one run, not between runs."""
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
QUICK = '--quick' in sys.argv
os.environ['NOVA_BUILD'] = BUILD
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from broker import Broker  # noqa: E402
from novatest import Bus, Daemon, eventually  # noqa: E402

rows = []
LIBVIRT = {'driver': 'libvirt.LibvirtDriver', 'groups': {'libvirt': {'connection_uri': 'test:///default'}}}


def row(what, value, unit, budget=None, more=False):
    """@more: the budget is a least, not a most."""
    met = '' if budget is None else 'yes' if (value >= budget if more else value <= budget) else 'NO'
    rows.append((what, '%.3g %s' % (value, unit) if value < 1000 else '%.0f %s' % (value, unit),
                 '' if budget is None else '%s %g %s' % ('>=' if more else '<=', budget, unit), met))
    print('%-66s %16s %16s %s' % (rows[-1][0], rows[-1][1], rows[-1][2], met), flush=True)


def cpu(pid):
    with open('/proc/%d/stat' % pid, encoding='utf-8') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def private_mib(pid, clean=True):
    """@clean: with the pages of files that nobody else has mapped just now, which are more or fewer by what else runs."""
    with open('/proc/%d/smaps_rollup' % pid, encoding='ascii') as f:
        kib = {line.split(':')[0]: int(line.split()[1]) for line in f if line.endswith('kB\n')}
    return (kib['Private_Dirty'] + (kib['Private_Clean'] if clean else 0)) / 1024


def switches(pid):
    """Voluntary ones of each thread."""
    count = {}
    for task in os.listdir('/proc/%d/task' % pid):
        try:
            with open('/proc/%d/task/%s/status' % (pid, task), encoding='utf-8') as f:
                count[task] = sum(int(line.split()[1]) for line in f if line.startswith('voluntary_ctxt_switches'))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return count


def woken(before, after):
    """Of the threads that are there at the end; what one that ended meanwhile did is not known, and not taken off the others' sum."""
    return sum(n - before.get(task, 0) for task, n in after.items())


def daemon(broker, **more):
    options = dict(debug='false')
    options.update(more.pop('options', {}))
    return Daemon(broker.url(), options=options, **more)


def start_and_stop(broker, name, **driver):
    up, down = [], []
    d = daemon(broker, **driver)
    try:
        for _ in range(5 if QUICK else 20):
            began = time.perf_counter()
            d.launch()
            while 'READY=1' not in d.drain(0.001):
                if d.process.poll() is not None:
                    raise SystemExit(d.text())
            up.append(1e3 * (time.perf_counter() - began))
            time.sleep(0.3)         # a daemon at rest is what is stopped
            began = time.perf_counter()
            d.signal(signal.SIGTERM)
            d.process.wait()
            down.append(1e3 * (time.perf_counter() - began))
    finally:
        d.close()
    row('start to READY and consuming, %s, median of %d' % (name, len(up)), statistics.median(up), 'ms', 150)
    row('start to READY and consuming, %s, worst' % name, max(up), 'ms')
    row('SIGTERM to gone, %s, median' % name, statistics.median(down), 'ms', 100)


class Libvirtd:
    """A libvirt daemon beside which the memory is measured, as on every host with this driver: what it shares with the daemon is
    not the daemon's own. As nobody, so that it is a session's and leaves the machine's own alone."""
    def __init__(self, folder):
        self.folder = os.path.join(folder, 'libvirtd')
        os.mkdir(self.folder)
        conf = os.path.join(self.folder, 'libvirtd.conf')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write('unix_sock_dir = "%s"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n' % self.folder)
        shutil.chown(self.folder, 65534, 65534)
        socket = os.path.join(self.folder, 'libvirt-sock')
        self.uri = 'test+unix:///default?socket=' + socket
        self.process = subprocess.Popen(
            ['/usr/sbin/libvirtd', '-f', conf, '-p', os.path.join(self.folder, 'pid')], user=65534, group=65534, extra_groups=[],
            env={'HOME': self.folder, 'XDG_RUNTIME_DIR': self.folder, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: os.path.exists(socket), what='libvirtd')

    def stop(self):
        self.process.kill()
        self.process.wait()


def idle(broker, folder):
    seconds = 20 if QUICK else 300
    libvirtd = Libvirtd(folder)
    d = daemon(broker, driver='libvirt.LibvirtDriver', groups={'libvirt': {'connection_uri': libvirtd.uri}})
    try:
        d.start()
        time.sleep(5)
        before, slept = cpu(d.process.pid), switches(d.process.pid)
        time.sleep(seconds)
        row('private memory idle, libvirt', private_mib(d.process.pid), 'MiB', 8)
        row('CPU in %d s idle, libvirt' % seconds, cpu(d.process.pid) - before, 's', 0.05 * seconds / 300 if not QUICK else None)
        row('wake-ups idle (voluntary switches, all threads)', woken(slept, switches(d.process.pid)) / seconds, '1/s')
        row('threads idle', len(os.listdir('/proc/%d/task' % d.process.pid)), '')
    finally:
        d.close()
        libvirtd.stop()


def load(broker, exchange, key, calls, at_once, method='ping', namespace='baseapi', version='1.1'):
    out = subprocess.run([os.path.join(BUILD, 'tests', 'bench', 'rpc-load'), str(broker.port), broker.user, broker.password, exchange, key,
                          namespace, version, method, str(calls), str(at_once)], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return float(out[0]), float(out[3]), float(out[6])


def rpc(broker):
    echo = subprocess.Popen([os.path.join(BUILD, 'tests', 'bench', 'bare-echo'), str(broker.port), broker.user, broker.password, 'echo'],
                            stdout=subprocess.PIPE)
    echo.stdout.readline()
    d = daemon(broker)
    rounds = 1 if QUICK else 5
    try:
        d.start()
        for at_once in (1, 32, 64):
            calls = 2000 if at_once == 1 else 5000 if QUICK else 20000
            bare, ours, used = [], [], 0
            for _ in range(rounds):       # in turns, so that both see the same noise
                bare.append(load(broker, '', 'echo', calls, at_once))
                before = cpu(d.process.pid)
                ours.append(load(broker, 'nova', 'compute.testhost', calls, at_once))
                used += cpu(d.process.pid) - before
            best = [statistics.median(r[i] for r in bare) for i in range(3)]
            mine = [statistics.median(r[i] for r in ours) for i in range(3)]
            if at_once == 1:
                row('RPC ping serial, p50: bare echo', best[1], 'ms')
                row('RPC ping serial, p50: nova-compute', mine[1], 'ms', round(1.3 * best[1], 3))
            else:
                row('RPC ping, %d at once: bare echo' % at_once, best[0], 'calls/s')
                row('RPC ping, %d at once: nova-compute' % at_once, mine[0], 'calls/s', round(0.8 * best[0]), True)
                row('RPC ping, %d at once, p99: bare echo' % at_once, best[2], 'ms')
                row('RPC ping, %d at once, p99: nova-compute' % at_once, mine[2], 'ms')
                row('CPU a call, %d at once' % at_once, 1e3 * used / calls / rounds, 'ms', 0.1)
        row('private memory after the calls', private_mib(d.process.pid), 'MiB')
    finally:
        d.close()
        echo.kill()
        echo.wait()


def flooded(broker):
    """Property reads on the bus while RPC is flooded and the hypervisor hangs."""
    d = daemon(broker, groups={'fake': {'hang': 'get_available_resource'}})
    took = []
    stop = threading.Event()

    def flood():
        while not stop.is_set():
            load(broker, 'nova', 'compute.testhost', 5000, 64)
    try:
        d.start(seconds=60)
        flooder = threading.Thread(target=flood)
        flooder.start()
        out = subprocess.run([os.path.join(BUILD, 'tests', 'integration', 'bus-read'), '500' if QUICK else '3000'], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.split()
        stop.set()
        flooder.join()
        row('D-Bus property read, RPC flooded, hypervisor hung, p50', float(out[0]), 'ms')
        row('D-Bus property read, RPC flooded, hypervisor hung, p99', float(out[1]), 'ms', 10)
    finally:
        stop.set()
        d.close()


def reads(count, *more):
    """p50 and p99 in ms, as one who is not root."""
    said = subprocess.run([os.path.join(BUILD, 'tests', 'integration', 'bus-read'), str(count), *more], stdout=subprocess.PIPE, text=True,
                          check=True, user='alice', group='alice', extra_groups=[]).stdout.split()
    return float(said[0]), float(said[1])


def bus_flooded(broker):
    """Property reads while somebody floods the daemon with calls from four connections and from sixteen; beside each what an idle connection
    takes to answer a ping meanwhile, which is what the bus and the machine take. What wants no answer, and what is large, waits in the
    bus itself: for that there is no budget."""
    d = daemon(broker)
    idle_one = None
    try:
        d.start()
        idle_one = subprocess.Popen([os.path.join(BUILD, 'tests', 'integration', 'bus-read'), 'idle'], stdout=subprocess.PIPE, text=True)
        name = idle_one.stdout.readline().strip()
        for connections in ('4', '16'):
            for kind in ('get', 'getall', 'objects', 'verb', 'wrong', 'unknown') + (('noreply', 'big') if connections == '4' else ()):
                flood = subprocess.Popen([os.path.join(BUILD, 'tests', 'integration', 'bus-flood'), kind, connections], stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, user='bob', group='bob', extra_groups=[])
                try:
                    flood.stdout.readline()
                    ours, bare = [], []
                    for _ in range(1 if QUICK else 5):
                        bare.append(reads(500, 'ping', name)[1])
                        ours.append(reads(500)[1])
                finally:
                    flood.kill()
                    flood.wait()
                    flood.stdout.close()
                row('flood of %s, %s connections: ping of an idle one, p99' % (kind, connections), statistics.median(bare), 'ms')
                row('flood of %s, %s connections: property read, p99' % (kind, connections), statistics.median(ours), 'ms',
                    10 if connections == '4' and kind not in ('noreply', 'big') else None)
    finally:
        if idle_one:
            idle_one.kill()
            idle_one.communicate()
        d.close()


def outage(broker):
    d = daemon(broker)
    try:
        d.start()
        bus = Bus()
        first = []
        for _ in range(1 if QUICK else 3):
            broker.kill()
            eventually(lambda: bus.get('BrokerState') != 'connected', 10)
            time.sleep(2 if QUICK else 20)
            broker.start()
            began = time.perf_counter()
            # a message sent before the daemon has declared its queue is lost with it: ask until it answers
            while subprocess.run([os.path.join(BUILD, 'tests', 'bench', 'rpc-load'), str(broker.port), broker.user, broker.password, 'nova',
                                  'compute.testhost', 'baseapi', '1.1', 'ping', '1', '1', '100'], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, check=False).returncode:
                pass
            first.append(1e3 * (time.perf_counter() - began))
        row('broker back after SIGKILL: first answer, worst of %d' % len(first), max(first), 'ms', 500)
    finally:
        d.close()


def instances(broker):
    try:
        import nova.compute.rpcapi  # noqa: F401
    except ImportError:
        print('python3-nova is not installed: no figures of instances', flush=True)
        return
    import bench_instances
    bench_instances.builds(row, cpu, broker, 2 if QUICK else 5)
    bench_instances.state_changes(row, cpu, broker, QUICK)
    bench_instances.thousand(row, cpu, private_mib, broker, QUICK)


def first_word(broker):
    """Of a real guest, beside virsh."""
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run([os.path.join(os.path.dirname(here), 'lib', 'with-libvirt'), '/usr/bin/python3', os.path.join(here, 'bench_guest.py'), BUILD,
                           str(broker.port), broker.user, broker.password, '3' if QUICK else '10'], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print('a real guest: %s' % ('skipped' if done.returncode == 77 else 'failed with %d' % done.returncode), flush=True)
        return
    took = json.loads(done.stdout.strip().split('\n')[-1])
    request, virsh = statistics.median(took['request']), statistics.median(took['virsh'])
    row('request to first serial line, real qemu, median of %d' % len(took['request']), request, 'ms')
    row('virsh create of the same XML to first serial line', virsh, 'ms')
    row('of which ours: request beyond virsh', request - virsh, 'ms', 150)
    row('CPU of the daemon for such a build', statistics.median(took['cpu']), 'ms', 20)


def main():
    folder = tempfile.mkdtemp(prefix='nova-bench.')
    os.chmod(folder, 0o755)
    broker = Broker(os.path.join(folder, 'broker')).start()
    try:
        with open('/proc/cpuinfo', encoding='utf-8') as f:
            model = next((line.split(':')[1].strip() for line in f if line.startswith('model name')), platform.machine())
        print('%s, %d cores, Linux %s, %s' % (model, os.cpu_count(), platform.release(), time.strftime('%Y-%m-%d')))
        start_and_stop(broker, 'fake')
        start_and_stop(broker, 'libvirt', **LIBVIRT)
        rpc(broker)
        flooded(broker)
        bus_flooded(broker)
        outage(broker)
        instances(broker)
        first_word(broker)
        idle(broker, folder)
        print('\n| what | measured | budget | met |\n|---|---|---|---|')
        for r in rows:
            print('| %s | %s | %s | %s |' % r)
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
