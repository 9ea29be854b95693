"""Shows nova-compute at work: starts it, asks it things over RabbitMQ as any OpenStack service would, and shows what it says
of itself in the database and on D-Bus. Run by data/demo/run, inside its sandbox."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ['NOVA_BUILD'] = sys.argv[1]
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'lib'))
import novatest  # noqa: E402
from broker import Broker  # noqa: E402


def say(text=''):
    print(text, flush=True)


def title(text):
    say('\n\033[1m%s\033[0m' % text if sys.stdout.isatty() else '\n== %s' % text)


def shown(*command):
    say('$ ' + ' '.join(command))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.rstrip().splitlines()
    say('\n'.join(narrow(lines) if lines and lines[0].startswith('NAME ') else lines))
    if done.returncode:
        raise SystemExit('that command failed with %d' % done.returncode)


def narrow(lines, widest=60):
    """busctl's table with long values cut, so that its columns stay beside each other."""
    starts = [lines[0].index(t) for t in ('NAME', 'TYPE', 'SIGNATURE', 'RESULT/VALUE', 'FLAGS')] + [None]
    rows = [[line[a:b].rstrip() for a, b in zip(starts, starts[1:])] for line in lines]
    rows = [[c if len(c) <= widest else c[:widest - 1] + '…' for c in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [' '.join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]


def configured_url():
    """transport_url of the machine's own /etc/nova/nova.conf, or None if it names none."""
    import configparser
    parser = configparser.RawConfigParser(strict=False, interpolation=None, comment_prefixes=('#', ';'))
    try:
        parser.read('/etc/nova/nova.conf')
    except configparser.Error:
        return None
    return parser.defaults().get('transport_url')


def hypervisor():
    """A libvirt that answers, else libvirt's own test driver."""
    if shutil.which('virsh'):
        try:
            done = subprocess.run(['virsh', '-c', 'qemu:///system', 'hostname'], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=20, check=False)
            if done.returncode == 0:
                return 'qemu:///system'
        except subprocess.TimeoutExpired:
            pass
    return 'test:///default'


def ask(url):
    for namespace, version, method, arguments in (
            ('baseapi', '1.1', 'ping', {'arg': 'hello'}), (None, '6.0', 'get_host_uptime', {}),
            (None, '6.0', 'service_version', {})):
        transport, client = novatest.rpc_client(url, 'demo', version=version, namespace=namespace)
        answer = client.call(novatest.CONTEXT, method, **arguments)
        say('compute.demo %s(%s) -> %r' % (method, ', '.join('%s=%r' % a for a in arguments.items()), answer))
        transport.cleanup()
    transport, client = novatest.rpc_client(url, 'demo')
    try:
        client.call(novatest.CONTEXT, 'no_such_method')
    except Exception as e:  # whatever class the client makes of it is the thing to show
        say('compute.demo no_such_method() -> %s: %s' % (type(e).__name__, str(e).splitlines()[0]))
    transport.cleanup()


def database(daemon):
    for row in daemon.sql('SELECT id, host, "binary", topic, report_count, disabled, availability_zone FROM services WHERE deleted = 0'):
        say('services: ' + ', '.join('%s=%s' % i for i in row.items()))
    for row in daemon.sql('SELECT hypervisor_hostname, hypervisor_type, vcpus, vcpus_used, memory_mb, memory_mb_used, local_gb, '
                          'local_gb_used FROM compute_nodes WHERE deleted = 0'):
        say('compute_nodes: ' + ', '.join('%s=%s' % i for i in row.items()))


def what_next(url):
    if not os.environ.get('KEEP'):
        say('`sudo make run KEEP=1` does the same and keeps it running, for you to look at it with busctl.')
        say('`sudo make check` runs all tests. README.md says how to make it a service of this machine: "Install it".')
        return
    say('It runs until Ctrl-C. A shell beside it, with its bus:')
    say('  sudo nsenter --target %s --mount --pid bash' % os.environ['SANDBOX_PID'])
    say('In that shell, for example:')
    say('  busctl call org.nova.Compute1 /org/nova/Compute1 org.nova.Compute1.Service ReportState "a{sv}" 0')
    say('  busctl monitor org.nova.Compute1')
    say('RabbitMQ for a client of your own: %s' % url)
    try:
        signal.pause()
    except KeyboardInterrupt:
        say()


def main():
    for number in (signal.SIGINT, signal.SIGTERM):          # also where whoever started us ignores them
        signal.signal(number, signal.default_int_handler)
    folder = tempfile.mkdtemp(prefix='nova-run.')
    os.environ['XDG_CACHE_HOME'] = os.path.join(folder, 'cache')
    broker = daemon = None
    try:
        title('A broker')
        url = configured_url()
        if url:
            say('the one that transport_url in /etc/nova/nova.conf names')
        else:
            broker = Broker(os.path.join(folder, 'broker')).start()
            url = broker.url()
            say('RabbitMQ on 127.0.0.1:%d, of this demonstration alone' % broker.port)

        title('nova-compute')
        uri = hypervisor()
        # setsid: a Ctrl-C is for this script, which then stops the daemon as systemd would
        daemon = novatest.Daemon(url, driver='libvirt.LibvirtDriver', host='demo', folder=os.path.join(folder, 'nova'),
                                 wrapper=['setsid'], options={'debug': 'false'}, groups={'libvirt': {'connection_uri': uri}})
        began = time.monotonic()
        daemon.start(seconds=60)
        say('READY after %.0f ms, on libvirt %s. Its log:' % (1000 * (time.monotonic() - began), uri))
        say(daemon.text().rstrip())

        title('Requests over RabbitMQ, from the client library that OpenStack uses (python3-oslo.messaging)')
        ask(url)
        title('The services row and the resources, in the database')
        database(daemon)
        title('On D-Bus')
        shown('busctl', '--system', 'tree', '--no-pager', 'org.nova.Compute1')
        for interface in ('Service', 'Node'):
            shown('busctl', '--system', 'introspect', '--no-pager', 'org.nova.Compute1', '/org/nova/Compute1', 'org.nova.Compute1.' + interface)
        title('What next')
        what_next(url)
        status = daemon.stop()
        say('\nStopped by SIGTERM, exit status %d.' % status)
        return 0 if status == 0 else 1
    finally:
        if daemon:
            daemon.close()
        if broker:
            broker.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
