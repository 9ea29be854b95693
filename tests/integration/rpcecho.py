"""rpc-echo as a fixture, and raw AMQP for what the real client would never send."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
import novatest  # noqa: E402
from novatest import BUILD, SLOW, eventually  # noqa: E402

ECHO = os.path.join(BUILD, 'tests', 'integration', 'rpc-echo')


class Echo:
    """A running rpc-echo. Its stdout and stderr are one text."""

    def __init__(self, url=None, host='h1', rabbit=None, environment=None, **options):
        self.folder = tempfile.mkdtemp(prefix='nova-rpc.')
        self.host = host
        self.lines = []
        self.changed = threading.Condition()
        conf = os.path.join(self.folder, 'nova.conf')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write('[DEFAULT]\ndebug = true\nhost = %s\n' % host)
            if url:
                f.write('transport_url = %s\n' % url)
            for k, v in options.items():
                f.write('%s = %s\n' % (k, v))
            f.write('[oslo_messaging_rabbit]\n')
            for k, v in (rabbit or {}).items():
                f.write('%s = %s\n' % (k, v))
        self.process = subprocess.Popen([ECHO, '--config-file', conf], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env=dict(os.environ, **(environment or {})))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode('utf-8', 'replace').rstrip('\n'))
                self.changed.notify_all()
        with self.changed:
            self.lines.append('EOF')
            self.changed.notify_all()

    def text(self):
        with self.changed:
            return '\n'.join(self.lines)

    def count(self):
        with self.changed:
            return len(self.lines)

    def wait(self, pattern, seconds=15, since=0):
        """The first line from @since on that matches."""
        end = time.monotonic() + seconds * SLOW
        seen = since
        with self.changed:
            while True:
                for line in self.lines[seen:]:
                    m = re.search(pattern, line)
                    if m:
                        return m
                seen = len(self.lines)
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError('no line like %r within %g s:\n%s' % (pattern, seconds * SLOW, '\n'.join(self.lines[-40:])))

    def ready(self):
        self.wait('^READY ')
        return self

    def stop(self, seconds=20):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds * SLOW)
            except subprocess.TimeoutExpired:
                raise AssertionError('rpc-echo does not end:\n' + self.text()) from None
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Raw:
    """A connection of py-amqp: any message to any queue."""

    def __init__(self, broker, vhost):
        import amqp
        self.amqp = amqp
        self.connection = amqp.Connection(host='127.0.0.1:%d' % broker.port, userid=broker.user, password=broker.password,
                                          virtual_host=vhost)
        self.connection.connect()
        self.channel = self.connection.channel()
        self.got = {}

    def publish(self, body, key='compute.h1', exchange='nova', **properties):
        properties.setdefault('content_type', 'application/json')
        properties.setdefault('content_encoding', 'utf-8')
        if isinstance(body, dict):
            body = json.dumps(body)
        self.channel.basic_publish(self.amqp.Message(body, **properties), exchange=exchange, routing_key=key)

    def listen(self, queue, exchange=None, kind='direct'):
        """Collects the bodies that come to a queue, bound to an exchange of the same name if asked for."""
        self.channel.queue_declare(queue, auto_delete=True, durable=False)
        if exchange:
            self.channel.exchange_declare(exchange, kind, durable=False, auto_delete=True)
            self.channel.queue_bind(queue, exchange, queue)
        self.got[queue] = []
        self.channel.basic_consume(queue, no_ack=True, callback=lambda m: self.got[queue].append(json.loads(m.body)))

    def wait(self, queue, n=1, seconds=10):
        end = time.monotonic() + seconds * SLOW
        while len(self.got[queue]) < n:
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError('%d of %d messages came to %s' % (len(self.got[queue]), n, queue))
            try:
                self.connection.drain_events(timeout=left)
            except (TimeoutError, OSError):
                pass
        return self.got[queue]

    def close(self):
        self.connection.close()


def envelope(method, args=None, **more):
    """An oslo request as a dict for Raw.publish; _msg_id and the like by keyword."""
    inner = {'method': method, 'args': args or {}, 'version': '6.0', '_unique_id': uuid.uuid4().hex}
    inner.update(more)
    return {'oslo.version': '2.0', 'oslo.message': json.dumps(inner)}


def opened(message):
    """The inner message of an enveloped one."""
    return json.loads(message['oslo.message'])


__all__ = ['Echo', 'Raw', 'envelope', 'opened', 'eventually', 'novatest']
