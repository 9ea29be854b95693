"""What the Python tests share: the daemon under test, the shared broker, waiting, the bus as a user, skipping with a reason.

Inside the suite runner (tests/lib/run-suite) NOVA_BUILD is the build directory and NOVA_TEST_BROKER the folder of the
broker that the suite shares; each test class takes a virtual host of its own there. No sleeps: eventually() waits for a
condition and fails at a deadline.
"""
import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from broker import Broker, SERVER as BROKER_SERVER  # noqa: E402

BUILD = os.path.abspath(os.environ.get('NOVA_BUILD', os.path.join(SOURCE, 'build')))
BINARY = os.path.join(BUILD, 'src', 'nova-compute')
SLOW = float(os.environ.get('NOVA_TEST_SLOWNESS', '1'))      # sanitizer builds: larger deadlines
BUS_NAME, BUS_PATH = 'org.nova.Compute1', '/org/nova/Compute1'

_broker = None


def shared_broker():
    """The suite's broker, or one of our own for a test run by itself."""
    global _broker
    if _broker is None:
        if os.environ.get('NOVA_TEST_BROKER'):
            _broker = Broker.found(os.environ['NOVA_TEST_BROKER'])
        else:
            if not os.path.exists(BROKER_SERVER):
                raise unittest.SkipTest('rabbitmq-server is not installed')
            folder = tempfile.mkdtemp(prefix='nova-broker.')
            _broker = Broker(folder, tls=True, management=True).start()
            atexit.register(lambda: (_broker.kill(), shutil.rmtree(folder, ignore_errors=True)))
    return _broker


def eventually(condition, seconds=10, what='the condition'):
    """The first true value of condition(), or an AssertionError at the deadline."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('%s did not come about within %g s' % (what, seconds * SLOW))
        time.sleep(0.02)


def sanitizer_environment(binary):
    """The address sanitizer looks up what it wraps when the program starts: libtirpc comes later, with the libvirt module, and
    libvirt's first call would go to nowhere."""
    linked = subprocess.run(['ldd', binary], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
    found = re.search(r'(/\S*libasan\S*)', linked)
    return {'LD_PRELOAD': found.group(1) + ':libtirpc.so.3'} if found else {}


class Daemon:
    """A nova-compute of the build, with a folder, a configuration and a notify socket of its own."""

    def __init__(self, transport_url=None, driver='fake.FakeDriver', host='testhost', options=(), groups=None, wrapper=(),
                 folder=None, binary=BINARY, user=None):
        self.folder = folder or tempfile.mkdtemp(prefix='nova-daemon.')
        self.host, self.wrapper, self.binary, self.user = host, list(wrapper), binary, user
        self.state = os.path.join(self.folder, 'state')
        self.conf = os.path.join(self.folder, 'nova.conf')
        self.log = os.path.join(self.folder, 'log')
        os.makedirs(os.path.join(self.state, 'instances'), exist_ok=True)
        self.default = {'host': host, 'state_path': self.state, 'compute_driver': driver, 'debug': 'true',
                        'module_path': os.path.join(BUILD, 'src'), 'my_ip': '127.0.0.1', 'use_journal': 'false',
                        'periodic_fuzzy_delay': '0'}
        if transport_url:
            self.default['transport_url'] = transport_url
        self.default.update(options)
        self.groups = groups or {}
        self.process = None
        self.notify = None
        self.notified = []
        self.heard = threading.Condition()

    def configure(self, **options):
        self.default.update(options)
        self.write()

    def write(self):
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write('[DEFAULT]\n')
            for k, v in self.default.items():
                for each in v if isinstance(v, list) else [v]:
                    if each is not None:
                        f.write('%s = %s\n' % (k, each))
            for group, values in self.groups.items():
                f.write('[%s]\n' % group)
                for k, v in values.items():
                    for each in v if isinstance(v, list) else [v]:
                        f.write('%s = %s\n' % (k, each))

    def launch(self, *arguments, environment=None):
        """Starts it without waiting for READY=1."""
        self.write()
        self.notified = []
        path = os.path.join(self.folder, 'notify')
        self.deafen()
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        os.chmod(path, 0o777)
        self.listener = threading.Thread(target=self.listen, args=(self.notify,), daemon=True)
        self.listener.start()
        env = dict(os.environ, NOTIFY_SOCKET=path, **sanitizer_environment(self.binary))
        env.update(environment or {})
        if self.user:
            for root, _, files in os.walk(self.folder):
                for name in [root] + [os.path.join(root, f) for f in files]:
                    shutil.chown(name, self.user, self.user)
        command = self.wrapper + [self.binary, '--config-file', self.conf] + list(arguments)
        with open(self.log, 'ab') as out:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, user=self.user)
        return self

    def listen(self, notify):
        """A thread's: what is notified is taken in at once, as systemd does, for the socket holds few."""
        while True:
            text = notify.recv(65536).decode('utf-8', 'replace')
            if not text:
                return notify.close()
            with self.heard:
                self.notified += text.split('\n')
                self.heard.notify_all()

    def deafen(self):
        if self.notify:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b'', self.notify.getsockname())
            self.listener.join()
            self.notify = None

    def drain(self, seconds=0):
        """What it has notified since it was launched, after waiting so long for more."""
        with self.heard:
            if seconds:
                self.heard.wait(seconds)
            return list(self.notified)

    def status(self):
        """The last STATUS= text."""
        lines = [n[7:] for n in self.drain() if n.startswith('STATUS=')]
        return lines[-1] if lines else ''

    def start(self, *arguments, seconds=20, environment=None):
        self.launch(*arguments, environment=environment)
        self.wait_notified('READY=1', seconds)
        return self

    def wait_notified(self, text, seconds=10):
        def seen():
            if self.process.poll() is not None and text not in self.drain():
                raise AssertionError('nova-compute ended with %d:\n%s' % (self.process.returncode, self.text()[-6000:]))
            return text in self.drain(0.02)
        try:
            eventually(seen, seconds, text)
        except AssertionError as e:
            raise AssertionError('%s\nnotified: %s\nlog: %s' % (e, self.notified, self.text()[-6000:])) from None

    def text(self):
        """What it has logged."""
        try:
            with open(self.log, encoding='utf-8', errors='replace') as f:
                return f.read()
        except OSError:
            return ''

    def wait_logged(self, pattern, seconds=10, since=0):
        return eventually(lambda: re.search(pattern, self.text()[since:]), seconds, 'a log line like %r' % pattern)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        try:
            return self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError('nova-compute did not end within %g s:\n%s' % (seconds * SLOW, self.text()[-6000:])) from None

    def stop(self, seconds=20):
        """SIGTERM and its exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self):
        """For addCleanup: ends it and removes its folder."""
        self.kill()
        self.deafen()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self):
        return os.path.join(self.state, 'nova.sqlite')

    def service_row(self):
        """The services row that is not deleted, or None."""
        rows = self.sql('SELECT * FROM services WHERE deleted = 0')
        return rows[0] if rows else None

    def sql(self, statement):
        """The rows of a query, by a connection that only reads and is closed at once."""
        with contextlib.closing(sqlite3.connect('file:%s?mode=ro' % self.database(), uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement)]

    def change(self, *statements, path=None):
        """Writes to the database, as an administrator with sqlite3 would."""
        with contextlib.closing(sqlite3.connect(path or self.database(), timeout=5, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)


class Bus:
    """The daemon on the sandbox's system bus, as root or another user of the sandbox, by busctl."""

    def __init__(self, user=None):
        self.user = user

    def run(self, *arguments, timeout=30):
        command = ['busctl', '--system', '--json=short'] + list(arguments)
        if self.user:
            command = ['setpriv', '--reuid', self.user, '--regid', self.user, '--init-groups'] + command
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout * SLOW, check=False)

    def call(self, interface, method, *arguments, path=BUS_PATH):
        """The data of the answer; BusError when it is one."""
        if '.' not in interface:
            interface = BUS_NAME + '.' + interface
        done = self.run('call', BUS_NAME, path, interface, method, *arguments)
        if done.returncode:
            raise BusError(done.stderr.strip())
        return json.loads(done.stdout)['data'] if done.stdout.strip() else []

    def get(self, name, interface='Service', path=BUS_PATH):
        done = self.run('get-property', BUS_NAME, path, BUS_NAME + '.' + interface, name)
        if done.returncode:
            raise BusError(done.stderr.strip())
        return json.loads(done.stdout)['data']

    def properties(self, interface='Service', path=BUS_PATH):
        data = self.call('org.freedesktop.DBus.Properties', 'GetAll', 's', BUS_NAME + '.' + interface, path=path)
        return {k: v['data'] for k, v in data[0].items()}


class BusError(Exception):
    pass


def rpc_client(url, host='testhost', topic='compute', version='6.0', namespace=None, timeout=10, tls=None):
    """The real Python client: (transport, client with call and cast)."""
    import oslo_messaging
    from oslo_config import cfg
    from oslo_messaging._metrics import client as metrics       # as a client's own module would
    conf = cfg.ConfigOpts()
    conf([], project='novatest')
    conf.register_opts(metrics.oslo_messaging_metrics, group='oslo_messaging_metrics')
    # registers [oslo_messaging_rabbit]; options by URL query would not do for the CA file
    transport = oslo_messaging.get_rpc_transport(conf, url)
    for name, value in (tls or {}).items():
        conf.set_override(name, value, group='oslo_messaging_rabbit')
    conf.set_override('control_exchange', 'nova')
    conf.set_override('metrics_thread_stop_timeout', 0, group='oslo_messaging_metrics')
    target = oslo_messaging.Target(exchange='nova', topic=topic, server=host, version=version, namespace=namespace)
    client = oslo_messaging.get_rpc_client(transport, target, timeout=timeout, call_monitor_timeout=None)
    return transport, client


CONTEXT = {'user_id': None, 'project_id': None, 'is_admin': True, 'request_id': 'req-' + str(uuid.uuid4()), 'roles': []}
