"""The daemon on the shared broker for a class of tests, and a raw AMQP client for what no library would send."""
import json
import os
import re
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'lib'))
from busclient import NODE, Client  # noqa: E402
from novatest import BUILD, CONTEXT, SLOW, Daemon, eventually, rpc_client, shared_broker  # noqa: E402

LIBVIRT = os.path.exists(os.path.join(BUILD, 'src', 'virt', 'libvirt.so'))
LINE = re.compile(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ([A-Z]+) (.*)$')
# what every message of ours has, and nothing else
PROPERTIES = {'content_type': 'application/json', 'content_encoding': 'utf-8', 'delivery_mode': 2, 'priority': 0,
              'application_headers': {}}
ESSEX_CONTEXT = {'_context_user_id': 'u1', '_context_project_id': 'p1', '_context_is_admin': True, '_context_read_deleted': 'no',
                 '_context_roles': ['admin'], '_context_remote_address': '10.0.0.9',
                 '_context_timestamp': '2012-04-04T18:29:29.000001', '_context_request_id': 'req-essex',
                 '_context_auth_token': None}


class Raw:
    """A connection of py-amqp: any bytes to any exchange, and what comes to queues of its own."""

    def __init__(self, broker, vhost, host='testhost'):
        import amqp
        self.amqp, self.host = amqp, host
        self.connection = amqp.Connection(host='127.0.0.1:%d' % broker.port, userid=broker.user, password=broker.password,
                                          virtual_host=vhost)
        self.connection.connect()
        self.channel = self.connection.channel()
        self.got = {}
        self.replies = None

    def close(self):
        self.connection.close()

    @classmethod
    def declared(cls, broker, vhost, queue):
        """What a passive declare says: message_count (ready ones), consumer_count."""
        raw = cls(broker, vhost)
        try:
            return raw.channel.queue_declare(queue, passive=True)
        finally:
            raw.close()

    def publish(self, body, key=None, exchange='nova', headers=None, **properties):
        """@body: a dict becomes JSON, text and bytes go as they are."""
        properties.setdefault('content_type', 'application/json')
        properties.setdefault('content_encoding', 'utf-8')
        if isinstance(body, dict):
            body = json.dumps(body)
        message = self.amqp.Message(body, application_headers=headers or {}, **properties)
        self.channel.basic_publish(message, exchange=exchange, routing_key='compute.' + self.host if key is None else key)

    def listen(self, queue, exchange=None, key=None, kind='direct', exchange_auto_delete=True, **flags):
        """Collects what comes to a queue, bound to @exchange if one is named."""
        flags.setdefault('auto_delete', True)
        self.channel.queue_declare(queue, durable=False, **flags)
        if exchange:
            self.channel.exchange_declare(exchange, kind, durable=False, auto_delete=exchange_auto_delete)
            self.channel.queue_bind(queue, exchange, queue if key is None else key)
        self.got[queue] = []
        self.channel.basic_consume(queue, no_ack=True, callback=self.got[queue].append)
        return self.got[queue]

    def wait(self, queue, enough, seconds=10):
        """Until enough(messages) is true; @enough may be a number. All that came to @queue."""
        want = enough if callable(enough) else lambda got: len(got) >= enough
        end = time.monotonic() + seconds * SLOW
        while not want(self.got[queue]):
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError('%s did not get what was waited for within %g s, but %r' % (
                    queue, seconds * SLOW, [m.body[:300] for m in self.got[queue]]))
            try:
                self.connection.drain_events(timeout=min(left, 1))
            except (TimeoutError, OSError):
                pass
        return self.got[queue]

    # --- the two wire formats ------------------------------------------------------------------------------

    def essex(self, method=None, args=None, msg_id=None, **more):
        """An un-enveloped message."""
        message = dict(ESSEX_CONTEXT)
        if method is not None:
            message['method'] = method
        if args is not None:
            message['args'] = args
        if msg_id:
            message['_msg_id'] = msg_id
        message.update(more)
        return message

    def essex_call(self, method=None, args=None, seconds=10, **more):
        """The messages that answer it: until one ends it or fails it."""
        msg_id = uuid.uuid4().hex
        self.listen(msg_id, exchange=msg_id)
        self.publish(self.essex(method, args, msg_id, **more))
        return self.wait(msg_id, lambda got: got and over(json.loads(got[-1].body)), seconds)

    def request(self, method, args=None, /, call=True, **more):
        """The inner part of today's message, to be answered at our reply queue."""
        message = {'method': method, 'args': args or {}, 'version': '6.0', '_unique_id': uuid.uuid4().hex,
                   '_context_is_admin': True, '_context_request_id': 'req-' + str(uuid.uuid4())}
        if call:
            if not self.replies:
                self.replies = 'reply_' + uuid.uuid4().hex
                self.listen(self.replies, arguments={'x-expires': 60000})
            message.update(_msg_id=uuid.uuid4().hex, _reply_q=self.replies, _timeout=None)
        message.update(more)
        return {k: v for k, v in message.items() if v is not DROP}

    def ask(self, message, seconds=10, send=None):
        """The reply that ends the call @message, opened; @send (default: @message in its envelope) is what goes out."""
        self.publish(enveloped(message) if send is None else send)
        return self.answer(message['_msg_id'], seconds)

    def answer(self, msg_id, seconds=10):
        def mine(got):
            return [m for m in got if opened(m)['_msg_id'] == msg_id and opened(m)['ending']]
        return opened(mine(self.wait(self.replies, mine, seconds))[0])

    def oslo_call(self, method, args=None, seconds=10, **more):
        return self.ask(self.request(method, args, **more), seconds)

    def ping(self, seconds=10):
        """Whether the consumer goes on; what was sent before it has been read when it is answered."""
        mark = uuid.uuid4().hex
        reply = self.oslo_call('ping', {'arg': mark}, seconds, namespace='baseapi', version='1.0')
        if reply['result'] != {'service': 'compute', 'arg': mark}:
            raise AssertionError('ping was answered with %r' % reply)


DROP = object()


def enveloped(message, version='2.0'):
    text = message if isinstance(message, str) else json.dumps(message)
    return {'oslo.version': version, 'oslo.message': text}


def opened(message):
    """What is inside of an enveloped message of AMQP."""
    return json.loads(json.loads(message.body)['oslo.message'])


def over(reply):
    return reply.get('ending') or reply.get('failure') is not None


def failure(reply):
    """The failure of today's reply, opened."""
    return json.loads(reply['failure'])


def quoted(name):
    import urllib.parse
    return urllib.parse.quote(name, safe='')


class Host(Daemon):
    """A daemon as user nova whose driver can be made to fail, and whose log can be counted."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        os.chmod(self.folder, 0o755)
        self.faults = os.path.join(self.folder, 'faults')
        self.groups.setdefault('fake', {}).setdefault('fault_file', self.faults)
        self.fault()

    def fault(self, *lines):
        """What the fake driver does from now on (src/virt/fake/fake.h)."""
        with open(self.faults + '.new', 'w', encoding='ascii') as f:
            f.write(''.join(line + '\n' for line in lines))
        os.chmod(self.faults + '.new', 0o644)
        os.rename(self.faults + '.new', self.faults)

    def close(self):
        self.kill()
        found = re.search(r'\S*: runtime error: .*|(ERROR: Address|ERROR: Leak|WARNING: Thread)Sanitizer(.*\n){1,40}', self.text())
        super().close()
        if found:
            raise AssertionError('a sanitizer reports: ' + found.group(0))

    def lines(self, since=0, levels=('INFO', 'AUDIT', 'WARNING', 'ERROR', 'CRITICAL')):
        """The lines of these levels after the first @since bytes of the log, without the time."""
        found = (LINE.match(line) for line in self.text()[since:].split('\n'))
        return ['%s %s' % m.groups() for m in found if m and m.group(1) in levels]


class OnHost(unittest.TestCase):
    """A virtual host with a running daemon on it, for each class."""
    host = 'testhost'
    driver = 'fake.FakeDriver'
    options = {}
    groups = {}
    start = True

    @classmethod
    def setUpClass(cls):
        cls.broker = shared_broker()
        cls.vhost = cls.broker.vhost('wire-' + uuid.uuid4().hex[:8])
        cls.addClassCleanup(cls.drop_vhost, cls.vhost)
        cls.url = cls.broker.url(cls.vhost)
        cls.daemon = cls.make(cls.host, **cls.options)
        if cls.start:
            cls.daemon.start()

    @classmethod
    def drop_vhost(cls, name):
        cls.broker.http('DELETE', 'vhosts/' + quoted(name))

    @classmethod
    def make(cls, host, driver=None, **options):
        daemon = Host(cls.url, driver=driver or cls.driver, host=host, user='nova', options=options,
                      groups={g: dict(v) for g, v in cls.groups.items()})
        cls.addClassCleanup(daemon.close)
        return daemon

    @classmethod
    def tearDownClass(cls):
        """It ends well, and nothing is left that it had taken and not acked."""
        if cls.daemon.process is None or cls.daemon.process.poll() is not None:
            return
        status = cls.daemon.stop()
        if status:
            raise AssertionError('nova-compute ended with %d:\n%s' % (status, cls.daemon.text()[-4000:]))
        if cls.broker.password in cls.daemon.text():
            raise AssertionError('the password is in the log')
        for queue in ('compute', 'compute.' + cls.host):
            left = Raw.declared(cls.broker, cls.vhost, queue).message_count
            if left:
                raise AssertionError('%d messages are left in %s' % (left, queue))

    def connect(self):
        raw = Raw(self.broker, self.vhost, self.host)
        self.addCleanup(raw.close)
        return raw

    def bus(self, user='alice'):
        client = Client(user)
        self.addCleanup(client.close)
        return client

    def client(self, **more):
        """The real Python client."""
        transport, client = rpc_client(self.url, host=self.host, **more)
        self.addCleanup(transport.cleanup)
        return client

    def unacked(self, queue=None):
        return self.broker.queues(self.vhost)[queue or 'compute.' + self.host].get('messages_unacknowledged')

    def consumers(self, queue=None):
        return Raw.declared(self.broker, self.vhost, queue or 'compute.' + self.host).consumer_count


__all__ = ['BUILD', 'CONTEXT', 'DROP', 'ESSEX_CONTEXT', 'LIBVIRT', 'NODE', 'PROPERTIES', 'SLOW', 'Client', 'Daemon', 'Host', 'OnHost',
           'Raw', 'enveloped', 'eventually', 'failure', 'opened', 'over', 'quoted', 'rpc_client', 'shared_broker']
