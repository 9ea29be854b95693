#!/usr/bin/python3
"""A private RabbitMQ on loopback: own folder, own ports, own epmd; it ends with the process that started it at the latest.

    broker.py start DIR [--tls] [--management] [--port N]    prints AMQP_PORT=… and so on, leaves it running
    broker.py stop DIR [--kill]

User and password are nova / s3cret-broker unless said otherwise, virtual host /. It runs in a PID namespace, so that epmd
and the helpers end with the server.
"""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
CTL = '/usr/lib/rabbitmq/bin/rabbitmqctl'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def children(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def comm(pid):
    try:
        with open('/proc/%d/comm' % pid, encoding='utf-8', errors='replace') as f:
            return f.read().strip()
    except OSError:
        return ''


def alive(pid):
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8', errors='replace') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


class Broker:
    """One server in one folder. start() again after stop() or kill() keeps data and ports."""

    def __init__(self, folder, tls=False, management=False, port=None, user='nova', password='s3cret-broker', extra=''):
        self.folder = os.path.abspath(folder)
        self.tls, self.management, self.user, self.password, self.extra = tls, management, user, password, extra
        self.port = port
        self.tls_port = self.management_port = None
        self.process = None
        self.pid = None

    # --- files -------------------------------------------------------------------------------------------

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def _certificates(self):
        """A CA, a server certificate for localhost and 127.0.0.1, a client certificate, and a stranger's CA."""
        if os.path.exists(self.path('tls', 'server.pem')):
            return
        os.makedirs(self.path('tls'), exist_ok=True)

        def openssl(*args):
            subprocess.run(('openssl',) + args, cwd=self.path('tls'), check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes')
        for ca in ('ca', 'stranger'):
            openssl('req', '-x509', *key, '-keyout', ca + '.key', '-out', ca + '.pem', '-days', '7',
                    '-subj', '/CN=%s of the tests' % ca, '-addext', 'basicConstraints=critical,CA:TRUE')
        for name, cn in (('server', 'localhost'), ('client', self.user)):
            openssl('req', *key, '-keyout', name + '.key', '-out', name + '.csr', '-subj', '/CN=' + cn)
            with open(self.path('tls', name + '.ext'), 'w', encoding='ascii') as f:
                f.write('subjectAltName=DNS:localhost,IP:127.0.0.1\n')
            openssl('x509', '-req', '-in', name + '.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial',
                    '-days', '7', '-out', name + '.pem', '-extfile', name + '.ext')

    def _configure(self):
        for d in ('mnesia', 'log', 'home'):
            os.makedirs(self.path(d), exist_ok=True)
        self.port = self.port or free_port()
        lines = ['listeners.tcp.local = 127.0.0.1:%d' % self.port,
                 'default_user = ' + self.user, 'default_pass = ' + self.password, 'loopback_users = none',
                 'log.file = ' + self.path('log', 'rabbit.log'), 'log.console = false',
                 'vm_memory_high_watermark.absolute = 512MiB', 'disk_free_limit.absolute = 10MB']
        plugins = []
        if self.tls:
            self.tls_port = self.tls_port or free_port()
            self._certificates()
            lines += ['listeners.ssl.local = 127.0.0.1:%d' % self.tls_port,
                      'ssl_options.cacertfile = ' + self.path('tls', 'ca.pem'),
                      'ssl_options.certfile = ' + self.path('tls', 'server.pem'),
                      'ssl_options.keyfile = ' + self.path('tls', 'server.key'),
                      'ssl_options.verify = verify_peer', 'ssl_options.fail_if_no_peer_cert = false',
                      'auth_mechanisms.1 = PLAIN', 'auth_mechanisms.2 = AMQPLAIN', 'auth_mechanisms.3 = EXTERNAL',
                      'ssl_cert_login_from = common_name']
            plugins.append('rabbitmq_auth_mechanism_ssl')
        if self.management:
            self.management_port = self.management_port or free_port()
            lines += ['management.tcp.ip = 127.0.0.1', 'management.tcp.port = %d' % self.management_port,
                      'collect_statistics_interval = 500']
            plugins.append('rabbitmq_management')
        with open(self.path('rabbitmq.conf'), 'w', encoding='ascii') as f:
            f.write('\n'.join(lines) + '\n' + self.extra)
        with open(self.path('enabled_plugins'), 'w', encoding='ascii') as f:
            f.write('[%s].\n' % ','.join(plugins))
        open(self.path('env.conf'), 'w', encoding='ascii').close()

    def environment(self):
        return {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8',
                'HOME': self.path('home'), 'RABBITMQ_NODENAME': 'nova@localhost',
                'RABBITMQ_CONF_ENV_FILE': self.path('env.conf'), 'RABBITMQ_CONFIG_FILE': self.path('rabbitmq'),
                'RABBITMQ_ADVANCED_CONFIG_FILE': self.path('advanced'),
                'RABBITMQ_ENABLED_PLUGINS_FILE': self.path('enabled_plugins'),
                'RABBITMQ_MNESIA_BASE': self.path('mnesia'), 'RABBITMQ_LOG_BASE': self.path('log'),
                'RABBITMQ_PID_FILE': self.path('pid'), 'RABBITMQ_DIST_PORT': str(self.dist_port),
                'ERL_EPMD_PORT': str(self.epmd_port), 'ERL_EPMD_ADDRESS': '127.0.0.1',
                'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
                    '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none'}

    # --- life --------------------------------------------------------------------------------------------

    def launch(self):
        """Starts the process without waiting for it to answer."""
        self._configure()
        self.epmd_port, self.dist_port = free_port(), free_port()
        with open(self.path('log', 'stdout'), 'ab') as out:
            self.process = subprocess.Popen(
                ['unshare', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc', SERVER],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        self.pid = self.process.pid
        with open(self.path('state.json'), 'w', encoding='ascii') as f:
            json.dump({k: getattr(self, k) for k in (
                'pid', 'port', 'tls_port', 'management_port', 'epmd_port', 'dist_port', 'user', 'password')}, f)
        return self

    def answers(self):
        """Whether Connection.Start comes back for a protocol header."""
        try:
            with socket.create_connection(('127.0.0.1', self.port), 2) as s:
                s.settimeout(2)
                s.sendall(b'AMQP\0\0\x09\x01')
                return s.recv(1) == b'\x01'
        except OSError:
            return False

    def start(self, seconds=90):
        self.launch()
        end = time.monotonic() + seconds
        while not self.answers():
            if self.process and self.process.poll() is not None or not alive(self.pid):
                with open(self.path('log', 'stdout'), encoding='utf-8', errors='replace') as f:
                    raise RuntimeError('the broker ended at start: ' + f.read()[-2000:])
            if time.monotonic() > end:
                raise RuntimeError('the broker did not answer within %d s; see %s' % (seconds, self.path('log')))
            time.sleep(0.05)
        return self

    @classmethod
    def found(cls, folder):
        """The one that runs in @folder, started by another process."""
        b = cls(folder)
        with open(b.path('state.json'), encoding='ascii') as f:
            for k, v in json.load(f).items():
                setattr(b, k, v)
        b.tls, b.management = b.tls_port is not None, b.management_port is not None
        return b

    def erlang(self):
        """The pid (outside) of the Erlang VM."""
        todo = [self.pid]
        for p in todo:
            if comm(p).startswith('beam'):
                return p
            todo += children(p)
        return None

    def stop(self, seconds=20):
        """A clean stop, then whatever is left."""
        vm = self.erlang()
        if vm:
            os.kill(vm, signal.SIGTERM)
            end = time.monotonic() + seconds
            while alive(vm) and time.monotonic() < end:
                time.sleep(0.02)
        self.kill()

    def kill(self):
        """A power cut."""
        if self.pid and alive(self.pid):
            os.kill(self.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
        end = time.monotonic() + 10
        while self.pid and alive(self.pid) and time.monotonic() < end:
            time.sleep(0.02)

    def freeze(self):
        os.kill(self.erlang(), signal.SIGSTOP)

    def thaw(self):
        os.kill(self.erlang(), signal.SIGCONT)

    # --- looking and doing -------------------------------------------------------------------------------

    def url(self, vhost='/', tls=False, host='127.0.0.1'):
        return 'rabbit://%s:%s@%s:%d/%s' % (urllib.parse.quote(self.user), urllib.parse.quote(self.password), host,
                                            self.tls_port if tls else self.port,
                                            '' if vhost == '/' else urllib.parse.quote(vhost, safe=''))

    def ctl(self, *args):
        return subprocess.run([CTL, '-n', 'nova@localhost'] + list(args), env=self.environment(), check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout

    def http(self, method, path, body=None):
        """The management API: parsed JSON or None."""
        request = urllib.request.Request('http://127.0.0.1:%d/api/%s' % (self.management_port, path), method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header('Authorization', 'Basic ' + base64.b64encode(
            ('%s:%s' % (self.user, self.password)).encode()).decode())
        request.add_header('Content-Type', 'application/json')
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def vhost(self, name):
        """Makes a virtual host for one test."""
        quoted = urllib.parse.quote(name, safe='')
        self.http('PUT', 'vhosts/' + quoted, {})
        self.http('PUT', 'permissions/%s/%s' % (quoted, self.user), {'configure': '.*', 'write': '.*', 'read': '.*'})
        return name

    def queues(self, vhost='/'):
        return {q['name']: q for q in self.http('GET', 'queues/' + urllib.parse.quote(vhost, safe=''))}

    def bindings(self, vhost='/'):
        return {(b['source'], b['destination'], b['routing_key'])
                for b in self.http('GET', 'bindings/' + urllib.parse.quote(vhost, safe=''))}


def main(argv):
    if len(argv) < 3 or argv[1] not in ('start', 'stop'):
        raise SystemExit(__doc__)
    if argv[1] == 'stop':
        broker = Broker.found(argv[2])
        if '--kill' in argv:
            broker.kill()
        else:
            broker.stop()
        return
    if not os.path.exists(SERVER) or not shutil.which('unshare'):
        raise SystemExit('broker.py: rabbitmq-server and util-linux are needed')
    port = int(argv[argv.index('--port') + 1]) if '--port' in argv else None
    broker = Broker(argv[2], tls='--tls' in argv, management='--management' in argv, port=port).start()
    print('AMQP_PORT=%s\nAMQPS_PORT=%s\nMANAGEMENT_PORT=%s\nPID=%d\nURL=%s' % (
        broker.port, broker.tls_port or '', broker.management_port or '', broker.pid, broker.url()))


if __name__ == '__main__':
    main(sys.argv)
