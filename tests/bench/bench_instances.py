"""Figures of a host with instances, on the fake driver, whose guests outlive the daemon: builds at once, a thousand instances,
state changes with the journal and without. Run by bench.py, or alone: bench_instances.py BUILD [--quick], in tests/lib/sandbox.

Requests are those of Nova's own client, made once and sent as fast as they can be, so that the client is not what is
measured."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

if __name__ == '__main__':
    os.environ['NOVA_BUILD'] = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from novatest import Bus, Daemon, eventually  # noqa: E402

HOST = 'testhost'
BIG = {'vcpus': '100000', 'memory_mb': '100000000', 'local_gb': '10000000'}
TASKS = ('update_available_resource', '_sync_power_states', '_report_driver_status', '_heal_instance_info_cache', '_poll_bandwidth_usage',
         '_poll_rebooting_instances', '_poll_rescued_instances', '_reclaim_queued_deletes', '_check_instance_build_time',
         '_cleanup_running_deleted_instances', '_run_pending_deletes', '_run_image_cache_manager_pass')


class Sender:
    """Casts of Nova's client, as text with a uuid to be replaced."""

    def __init__(self, broker):
        import amqp
        from computeclient import Cloud
        from nova.objects import base
        self.amqp = amqp
        self.cloud = Cloud(broker.url(), host=HOST)
        self.serializer = base.NovaObjectSerializer()
        self.connection = amqp.Connection(host='127.0.0.1:%d' % broker.port, userid=broker.user, password=broker.password)
        self.connection.connect()
        self.channel = self.connection.channel()

    def close(self):
        self.connection.close()

    def message(self, method, **args):
        context = self.cloud.context()
        message = {'method': method, 'version': '6.0', 'namespace': None,
                   'args': {k: self.serializer.serialize_entity(context, v) for k, v in args.items()}}
        message.update({'_context_' + k: v for k, v in context.to_dict().items() if k in (
            'user_id', 'project_id', 'is_admin', 'roles', 'request_id', 'read_deleted', 'timestamp')})
        return json.dumps(message, default=str)

    def build_text(self):
        """A build of the uuid that stands in it: (text, uuid)."""
        image = self.cloud.image('cirros')
        instance = self.cloud.instance(image=image)
        return self.message(
            'build_and_run_instance', instance=instance, image=image, request_spec=self.cloud.request_spec(instance),
            filter_properties={}, admin_password=None, injected_files=[], requested_networks=self.cloud.networks('none'),
            security_groups=['default'], block_device_mapping=self.cloud.disks(instance), node=None, limits={}, host_list=[],
            accel_uuids=[]), instance.uuid

    def cast(self, text):
        inner = text[:-1] + ', "_unique_id": "%s"}' % uuid.uuid4().hex
        body = json.dumps({'oslo.version': '2.0', 'oslo.message': inner})
        self.channel.basic_publish(self.amqp.Message(body, content_type='application/json', content_encoding='utf-8', delivery_mode=2),
                                   exchange='nova', routing_key='compute.' + HOST)

    def build(self, number, made=None):
        """@made: what build_text gave."""
        text, first = made or self.build_text()
        uuids = [str(uuid.uuid4()) for _ in range(number)]
        for each in uuids:
            self.cast(text.replace(first, each))
        return uuids


def count(d, where):
    return d.sql('SELECT count(*) AS n FROM instances WHERE deleted = 0 AND ' + where)[0]['n']


def host(broker, folder, **options):
    options.setdefault('debug', 'false')
    options.setdefault('periodic_interval', '0')
    options.setdefault('stub_network', 'true')          # nobody would answer
    return Daemon(broker.url(), options=options, host=HOST,
                  groups={'fake': dict(BIG, guests_file=os.path.join(folder, 'guests'))})


def wait_active(d, number, seconds=120):
    end = time.monotonic() + seconds
    while count(d, "vm_state = 'active' AND task_state IS NULL") < number:
        bad = count(d, "vm_state = 'error'")
        if bad or time.monotonic() > end:
            raise SystemExit('%d of %d instances are active, %d in error\n%s' % (count(d, "vm_state = 'active'"), number, bad, d.text()[-3000:]))
        time.sleep(0.005)


def builds(row, cpu, broker, rounds=5):
    """Fifty at once, on a host without instances."""
    took, used = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix='nova-bench.') as folder:
            d, sender = host(broker, folder, max_concurrent_builds='0'), Sender(broker)
            try:
                d.start()
                made = sender.build_text()
                before, began = cpu(d.process.pid), time.perf_counter()
                sender.build(50, made)
                wait_active(d, 50)
                took.append(1e3 * (time.perf_counter() - began))
                used.append(cpu(d.process.pid) - before)
            finally:
                sender.close()
                d.stop()
                d.close()
    row('50 builds at once to ACTIVE, fake driver, median of %d' % rounds, statistics.median(took), 'ms')
    row('50 builds at once, CPU of the daemon', statistics.median(used), 's')


def tick(d, cpu, rounds):
    """Milliseconds of CPU and of wall time that one tick of all periodic tasks costs."""
    bus = Bus()
    for name in TASKS:                  # what is found for the first time is not what each tick costs
        bus.call('Service', 'RunPeriodicTask', 'sa{sv}', name, '0')
    before, began = cpu(d.process.pid), time.perf_counter()
    for _ in range(rounds):
        for name in TASKS:
            bus.call('Service', 'RunPeriodicTask', 'sa{sv}', name, '0')
    wall, used = time.perf_counter() - began, cpu(d.process.pid) - before
    began = time.perf_counter()
    for _ in range(len(TASKS)):         # what asking costs
        bus.get('Host')
    return 1e3 * used / rounds, 1e3 * (wall / rounds - (time.perf_counter() - began))


def workers(pid):
    """How many threads wait for work; each has a stack."""
    found = 0
    for task in os.listdir('/proc/%d/task' % pid):
        try:
            with open('/proc/%d/task/%s/comm' % (pid, task), encoding='utf-8') as f:
                found += f.read().strip() == 'worker'
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def at_rest(d, private_mib):
    """With the pages of files that are its alone just now, and without."""
    # how many workers the start left, each with its stack, is chance, and no instance's
    eventually(lambda: workers(d.process.pid) == 0, 60, what='the end of the workers')
    return private_mib(d.process.pid), private_mib(d.process.pid, clean=False)


def objects(row, cpu, d, times):
    """All objects of the bus, from the first to the last byte at the client."""
    before = cpu(d.process.pid)
    said = subprocess.run([os.path.join(os.environ['NOVA_BUILD'], 'tests', 'integration', 'bus-read'), str(times), 'objects'], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()
    row('GetManagedObjects with 1,000 instances, median', float(said[0]), 'ms', 50)
    row('GetManagedObjects with 1,000 instances, CPU of the daemon', 1e3 * (cpu(d.process.pid) - before) / times, 'ms')


def thousand(row, cpu, private_mib, broker, quick):
    """Of five hundred and of a thousand instances: how long a start, a tick, how much memory."""
    with tempfile.TemporaryDirectory(prefix='nova-bench.') as folder:
        d, sender = host(broker, folder, max_concurrent_builds='0'), Sender(broker)
        ticks, memory = {}, {}
        try:
            d.start()
            for number in (500, 1000):
                began = time.perf_counter()
                sender.build(500)
                wait_active(d, number)
                if number == 1000:
                    row('builds, one after the other as they come, up to 1,000 instances', 500 / (time.perf_counter() - began), '1/s')
                # started anew: what the builds themselves took of memory is not what the instances take
                d.stop()
                starts = []
                for _ in range(3 if quick else 10):
                    began = time.perf_counter()
                    d.start()
                    starts.append(1e3 * (time.perf_counter() - began))
                    eventually(lambda: count(d, 'task_state IS NOT NULL') == 0)
                    d.stop()
                row('start to READY with %d instances, median' % number, statistics.median(starts), 'ms', 1000 if number == 1000 else None)
                samples = []
                for _ in range(2):      # where the holes are is chance too
                    d.start()
                    tick(d, cpu, 1)
                    samples.append(at_rest(d, private_mib))
                    d.stop()
                d.start()
                ticks[number] = tick(d, cpu, 5 if quick else 20)
                samples.append(at_rest(d, private_mib))
                memory[number] = [statistics.median(s) for s in zip(*samples)]
                if number == 1000:
                    objects(row, cpu, d, 20 if quick else 100)
                row('one periodic tick, all tasks, %d instances, CPU' % number, ticks[number][0], 'ms')
                row('one periodic tick, all tasks, %d instances, wall' % number, ticks[number][1], 'ms')
            row('tick of 1,000 instances over that of 500, CPU (linear: 2)', ticks[1000][0] / max(ticks[500][0], 1e-9), '', 2.3)
            row('private memory after ticks, 500 instances', memory[500][0], 'MiB')
            row('private memory after ticks, 1,000 instances', memory[1000][0], 'MiB')
            row('of which each of the last 500 instances, median of 3 starts', 1024 * (memory[1000][1] - memory[500][1]) / 500, 'KiB', 4)
        finally:
            sender.close()
            d.stop()
            d.close()


def state_changes(row, cpu, broker, quick):
    """Stops and starts of many instances: how fast they are accepted, and done, with the journal and without."""
    pairs = 2 if quick else 10
    rates = {}
    for journal in (True, False):
        with tempfile.TemporaryDirectory(prefix='nova-bench.') as folder:
            options = {'max_concurrent_builds': '0', 'max_accepted_requests': '0'}
            if not journal:
                options['request_journal'] = 'false'
            d, sender, bus = host(broker, folder, **options), Sender(broker), Bus()
            try:
                d.start()
                uuids = sender.build(200)
                wait_active(d, 200)
                texts = []
                for _ in range(pairs):
                    texts += [sender.message('stop_instance', instance=u, clean_shutdown=False) for u in uuids]
                    texts += [sender.message('start_instance', instance=u) for u in uuids]
                before, began = cpu(d.process.pid), time.perf_counter()
                for text in texts:
                    sender.cast(text)
                while bus.get('Requests') < len(texts) + 200:
                    time.sleep(0.002)
                taken = time.perf_counter() - began
                eventually(lambda: d.sql("SELECT count(*) AS n FROM instance_actions WHERE action = 'start'")[0]['n'] == pairs * 200, 300)
                wait_active(d, 200, 300)
                done = time.perf_counter() - began
                word = 'on' if journal else 'off'
                if journal:             # without it, what is accepted is what a thread is free for
                    row('state changes accepted, journal on (%d in one go)' % len(texts), len(texts) / taken, '1/s', 2000, True)
                row('state changes carried out, journal %s' % word, len(texts) / done, '1/s')
                row('state changes, CPU each, journal %s' % word, 1e3 * (cpu(d.process.pid) - before) / len(texts), 'ms')
                rates[journal] = len(texts) / done
            finally:
                sender.close()
                d.stop()
                d.close()
    row('state changes carried out with the journal, of those without', 100 * rates[True] / rates[False], '%')


def main():
    import shutil
    from bench import cpu, private_mib
    from broker import Broker
    quick = '--quick' in sys.argv
    folder = tempfile.mkdtemp(prefix='nova-bench.')
    os.chmod(folder, 0o755)
    broker = Broker(os.path.join(folder, 'broker')).start()

    def row(what, value, unit, budget=None, more=False):
        met = '' if budget is None else 'yes' if (value >= budget if more else value <= budget) else 'NO'
        print('%-70s %10.4g %-5s %s %s' % (what, value, unit, '' if budget is None else '%s %g' % ('>=' if more else '<=', budget), met), flush=True)
    try:
        builds(row, cpu, broker, 2 if quick else 5)
        state_changes(row, cpu, broker, quick)
        thousand(row, cpu, private_mib, broker, quick)
    finally:
        broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
