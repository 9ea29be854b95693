"""src/rpc judged by the real Python client and server of oslo.messaging on a real broker."""
import bz2
import json
import logging
import os
import sys
import threading
import time
import unittest
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rpcecho import Echo, Raw, envelope, eventually, novatest, opened  # noqa: E402
from novatest import CONTEXT, SLOW, rpc_client, shared_broker  # noqa: E402


logging.disable(logging.WARNING)        # oslo.messaging's about its own pool


def flatten(e):
    return '%s: %s' % (type(e).__name__, e)


class OnSharedBroker(unittest.TestCase):
    """A virtual host and an rpc-echo for each class."""
    options = {}
    rabbit = {}

    @classmethod
    def setUpClass(cls):
        cls.broker = shared_broker()
        cls.vhost = cls.broker.vhost('rpc-' + uuid.uuid4().hex[:8])
        cls.url = cls.broker.url(cls.vhost)
        cls.echo = Echo(cls.url, rabbit=cls.rabbit, **cls.options).ready()
        cls.transport, cls.client = rpc_client(cls.url, host='h1')

    @classmethod
    def tearDownClass(cls):
        cls.transport.cleanup()
        status = cls.echo.stop()
        cls.broker.http('DELETE', 'vhosts/' + cls.vhost)
        if status:
            raise AssertionError('rpc-echo ended with %d:\n%s' % (status, cls.echo.text()[-4000:]))

    def raw(self):
        raw = Raw(self.broker, self.vhost)
        self.addCleanup(raw.close)
        return raw

    def noted(self):
        return self.client.call(CONTEXT, 'noted')


class Server(OnSharedBroker):

    # checklist: 62
    def test_a_call_returns_what_the_method_returns(self):
        for value in (None, True, 7, 'text "with" \\ and ünïcödé \U0001f600', [1, [2, {}]], {'a': {'b': None}}, 'x' * 300000):
            self.assertEqual(self.client.call(CONTEXT, 'echo', value=value), value)

    # checklist: 57, 58, 59, 75
    def test_casts_reach_topic_host_and_fanout(self):
        mark = uuid.uuid4().hex
        self.client.cast(CONTEXT, 'note', value=mark + '1')
        self.client.prepare(server=None).cast(CONTEXT, 'note', value=mark + '2')
        self.client.prepare(server=None, fanout=True).cast(CONTEXT, 'note', value=mark + '3')
        eventually(lambda: sorted(n for n in self.noted() if n and n.startswith(mark)) == [mark + '1', mark + '2', mark + '3'],
                   what='all three casts')

    # checklist: 62
    def test_failures_come_as_the_exceptions_they_are(self):
        import oslo_messaging
        with self.assertRaises(NotImplementedError):
            self.client.call(CONTEXT, 'fail', kind='not-implemented')
        with self.assertRaises(TypeError) as caught:
            self.client.call(CONTEXT, 'fail', kind='type-error')
        self.assertIn("missing argument 'x'", str(caught.exception))
        # without nova's module among the allowed ones it is a RemoteError that names the class
        with self.assertRaises(oslo_messaging.RemoteError) as caught:
            self.client.call(CONTEXT, 'fail')
        self.assertEqual(caught.exception.exc_type, 'InstanceNotFound')
        self.assertNotIn('/src/', str(caught.exception))

    def test_a_nova_client_gets_novas_own_exception(self):
        import nova.exception
        import oslo_messaging
        from oslo_config import cfg
        from oslo_messaging._metrics import client as metrics
        conf = cfg.ConfigOpts()
        conf([], project='novatest')
        conf.register_opts(metrics.oslo_messaging_metrics, group='oslo_messaging_metrics')
        transport = oslo_messaging.get_rpc_transport(conf, self.url, allowed_remote_exmods=['nova.exception'])
        self.addCleanup(transport.cleanup)
        conf.set_override('control_exchange', 'nova')
        client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(exchange='nova', topic='compute', server='h1', version='6.0'), timeout=10)
        with self.assertRaises(nova.exception.InstanceNotFound) as caught:
            client.call(CONTEXT, 'fail')
        self.assertEqual(type(caught.exception).__name__, 'InstanceNotFound_Remote')
        self.assertEqual(caught.exception.kwargs['instance_id'], '6f9e')

    # checklist: 62
    def test_unknown_methods_and_versions_are_refused(self):
        import oslo_messaging
        for prepared, method, kind, text in (
                ({}, 'nope', 'NoSuchMethod', 'Endpoint does not support RPC method nope'),
                ({}, '_private', 'NoSuchMethod', 'RPC method _private'),
                ({'version': '6.2'}, 'echo', 'UnsupportedVersion', 'RPC version 6.2. Attempted method: echo'),
                ({'version': '5.0'}, 'echo', 'UnsupportedVersion', 'RPC version 5.0'),
                ({'namespace': 'other'}, 'echo', 'UnsupportedVersion', 'RPC version 6.0')):
            with self.assertRaises(oslo_messaging.RemoteError) as caught:
                self.client.prepare(**prepared).call(CONTEXT, method)
            self.assertEqual(caught.exception.exc_type, kind)
            self.assertIn(text, caught.exception.value)

    def test_the_ping_methods_answer(self):
        self.assertEqual(self.client.prepare(namespace='baseapi', version='1.1').call(CONTEXT, 'ping', arg='x'),
                         {'service': 'compute', 'arg': 'x'})
        self.assertEqual(self.client.prepare(version='1.0').call(CONTEXT, 'oslo_rpc_server_ping'), 'pong')

    # checklist: 61
    def test_a_slow_call_does_not_hold_up_a_fast_one(self):
        done = []
        thread = threading.Thread(target=lambda: done.append(self.client.call(CONTEXT, 'slow', seconds=1.5 * SLOW)))
        began = time.monotonic()
        thread.start()
        for i in range(20):
            self.assertEqual(self.client.call(CONTEXT, 'echo', value=i), i)
        self.assertLess(time.monotonic() - began, 1.4 * SLOW)
        self.assertFalse(done)
        thread.join()
        self.assertEqual(done, ['slept'])

    def test_a_client_that_gives_up_gets_its_timeout_and_the_next_call_its_own_answer(self):
        import oslo_messaging
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            self.client.prepare(timeout=0.5).call(CONTEXT, 'slow', seconds=1.5)
        self.assertEqual(self.client.call(CONTEXT, 'echo', value='next'), 'next')

    def test_a_monitored_call_hears_signs_of_life(self):
        # without them the client would give up after 2 s
        monitored = self.client.prepare(timeout=30, call_monitor_timeout=2)
        self.assertEqual(monitored.call(CONTEXT, 'slow', seconds=5), 'slept')

    def test_sixty_four_callers_at_once_get_their_own_answers(self):
        wrong = []

        def caller(n):
            for i in range(5):
                if self.client.call(CONTEXT, 'echo', value=[n, i]) != [n, i]:
                    wrong.append((n, i))
        threads = [threading.Thread(target=caller, args=(n,)) for n in range(64)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    # checklist: 55, 56, 60
    def test_three_consumers_share_one_connection_and_one_channel(self):
        def channels():
            return [c for c in self.broker.http('GET', 'channels') if c['vhost'] == self.vhost and c.get('consumer_count') == 3]
        mine = eventually(lambda: channels() or None, what='the channel in the statistics')
        self.assertEqual(len(mine), 1)
        consumers = [c for c in self.broker.http('GET', 'consumers/' + self.vhost)
                     if c['channel_details']['connection_name'] == mine[0]['connection_details']['name']]
        self.assertEqual(sorted(c['consumer_tag'] for c in consumers), ['1', '2', '3'])
        self.assertTrue(all(c['ack_required'] and c['prefetch_count'] == 64 for c in consumers), consumers)
        names = [c['client_properties']['connection_name'] for c in self.broker.http('GET', 'connections')
                 if c['vhost'] == self.vhost and 'rpc-echo' in str(c['client_properties'].get('connection_name'))]
        self.assertEqual(sorted(n.rsplit(':', 1)[1] for n in names), ['consumer', 'publisher'])
        self.assertTrue(all(':h1:' in n and ':%d:' % self.echo.process.pid in n for n in names), names)

    # checklist: 57, 58, 59, 71
    def test_queues_have_the_flags_of_a_deployed_zed(self):
        queues = self.broker.queues(self.vhost)
        fanout = 'compute_fanout_h1:rpc-echo:1'
        for name, arguments in (('compute', {}), ('compute.h1', {}), (fanout, {'x-expires': 1800000})):
            q = queues[name]
            self.assertEqual((q['durable'], q['auto_delete'], q['exclusive'], q['arguments']), (False, False, False, arguments), name)
        for binding in (('nova', 'compute', 'compute'), ('nova', 'compute.h1', 'compute.h1'), ('compute_fanout', fanout, 'compute')):
            self.assertIn(binding, self.broker.bindings(self.vhost))
        exchanges = {x['name']: x for x in self.broker.http('GET', 'exchanges/' + self.vhost)}
        self.assertEqual([(exchanges[n]['type'], exchanges[n]['durable'], exchanges[n]['auto_delete']) for n in ('nova', 'compute_fanout')],
                         [('topic', False, False), ('fanout', False, True)])

    def test_a_python_server_of_the_same_topic_declares_the_same(self):
        """A real oslo.messaging server beside ours: with other flags one of the two would be thrown out (406)."""
        import oslo_messaging

        class Endpoint:
            target = oslo_messaging.Target(version='6.0')

            def who(self, ctxt):
                return 'python'
        server = oslo_messaging.get_rpc_server(self.transport, oslo_messaging.Target(exchange='nova', topic='compute', server='p1'),
                                               [Endpoint()], executor='threading')
        server.start()
        try:
            self.assertEqual(self.client.prepare(server='p1').call(CONTEXT, 'who'), 'python')
            self.assertEqual(self.client.call(CONTEXT, 'echo', value=1), 1)
        finally:
            server.stop()
            server.wait()

    # --- essex ---------------------------------------------------------------------------------------------

    def essex_call(self, raw, method, args=None, expect=2):
        msg_id = uuid.uuid4().hex
        raw.listen(msg_id, exchange=msg_id)
        message = {'args': args or {}, '_msg_id': msg_id, '_context_user_id': None, '_context_project_id': None,
                   '_context_is_admin': True, '_context_read_deleted': 'no', '_context_roles': [], '_context_remote_address': None,
                   '_context_timestamp': '2012-04-04T18:29:29.000001', '_context_request_id': 'req-1', '_context_auth_token': None}
        if method:
            message['method'] = method
        raw.publish(message)
        return raw.wait(msg_id, expect)

    # checklist: 62, 63
    def test_essex_gets_essexs_answers(self):
        raw = self.raw()
        self.assertEqual(self.essex_call(raw, 'echo', {'value': {'host': '127.0.0.1'}}),
                         [{'result': {'host': '127.0.0.1'}, 'failure': None}, {'result': None, 'failure': None, 'ending': True}])
        failure = self.essex_call(raw, 'fail', expect=1)
        self.assertEqual(failure[0]['failure'][:2], ['InstanceNotFound', 'Instance 6f9e could not be found.'])
        self.assertIsInstance(failure[0]['failure'][2], list)
        unknown = self.essex_call(raw, 'nope', expect=1)
        self.assertEqual(unknown[0]['failure'][:2], ['AttributeError', "'ComputeManager' object has no attribute 'nope'"])
        nothing = self.essex_call(raw, None, expect=1)
        self.assertIsNotNone(nothing[0]['failure'])

    def test_a_late_essex_reply_does_not_make_an_exchange(self):
        raw = self.raw()
        msg_id = uuid.uuid4().hex
        raw.publish({'method': 'echo', 'args': {'value': 1}, '_msg_id': msg_id})
        self.client.call(CONTEXT, 'echo', value=1)
        self.assertNotIn(msg_id, [x['name'] for x in self.broker.http('GET', 'exchanges/' + self.vhost)])

    # --- bad input -----------------------------------------------------------------------------------------

    def test_bad_messages_cost_a_line_and_the_server_goes_on(self):
        raw = self.raw()
        bodies = [b'', b'\x00', b's3cret-text', b'[1]', b'"s3cret-text"', b'{"method": "s3cret-text', b'{"method": "\xff\xfe s3cret-text"}',
                  b'[' * 100000, b'{"oslo.version": "2.0", "oslo.message": "s3cret-text"}', b'{"oslo.version": "2.0", "oslo.message": 1}',
                  b'{"oslo.version": "7.0", "oslo.message": "{}"}', b'{"method": "echo", "args": "s3cret-text"}',
                  json.dumps({'method': 'echo', '_context_roles': {'s3cret-text': 1}}).encode()]
        since = self.echo.count()
        for body in bodies:
            raw.publish(body)
        self.assertEqual(self.client.call(CONTEXT, 'echo', value='alive'), 'alive')
        # the call came by another connection, so it may have overtaken some of them
        warnings = lambda: [line for line in self.echo.text().split('\n')[since:] if 'WARNING' in line]
        eventually(lambda: len(warnings()) >= len(bodies), what='a line for each of them')
        eventually(lambda: self.broker.queues(self.vhost)['compute.h1'].get('messages') == 0, what='all of them acked')
        lines = warnings()
        self.assertEqual(len(lines), len(bodies), lines)
        self.assertTrue(all('queue compute.h1 is dropped: ' in line for line in lines), lines)
        self.assertNotIn('s3cret-text', self.echo.text())

    def test_a_caller_of_a_bad_message_gets_a_typed_failure(self):
        raw = self.raw()
        raw.listen('reply_raw')
        address = {'_reply_q': 'reply_raw'}
        for n, (message, text) in enumerate((
                (envelope('echo', _msg_id='m0', version='six', **address), 'version is not of the form'),
                (dict(envelope('echo', _msg_id='m1', **address), **{'oslo.version': '3.0'}), 'envelope version 3.0'),
                (envelope(None, _msg_id='m2', **address), 'method'),
                (envelope('echo', args=[1], _msg_id='m3', **address), 'args is not an object'),
                (envelope('echo', _msg_id='m4', _context_is_admin='perhaps', **address), 'is_admin'),
        )):
            raw.publish(message)
            reply = opened(raw.wait('reply_raw', n + 1)[-1])
            self.assertEqual((reply['_msg_id'], reply['ending']), ('m%d' % n, True))
            failure = json.loads(reply['failure'])
            self.assertEqual((failure['class'], failure['module']), ('ValueError', 'builtins'))
            self.assertIn(text, failure['message'])

    def test_unknown_arguments_do_no_harm(self):
        self.assertEqual(self.client.call(CONTEXT, 'echo', value=1, no_such_argument=2), 1)

    def test_other_content_types_are_dropped(self):
        since = self.echo.count()
        self.raw().publish(b'\x80\x04N.', content_type='application/x-python-serialize')
        self.echo.wait('content type is not application/json', since=since)
        self.assertEqual(self.client.call(CONTEXT, 'echo', value=1), 1)

    def test_compressed_requests_are_opened_or_refused_by_name(self):
        raw = self.raw()
        raw.listen('reply_zip')
        body = json.dumps(envelope('echo', {'value': 'zipped'}, _msg_id='z', _reply_q='reply_zip')).encode()
        raw.publish(zlib.compress(body), application_headers={'compression': 'application/x-gzip'})
        self.assertEqual(opened(raw.wait('reply_zip')[0])['result'], 'zipped')
        since = self.echo.count()
        raw.publish(bz2.compress(body), application_headers={'compression': 'application/x-bz2'})
        self.echo.wait('compression is not supported', since=since)
        raw.publish(zlib.compress(b' ' * 40000000), application_headers={'compression': 'application/x-gzip'})
        self.echo.wait('decompressed it has more than', since=since)

    # --- duplicates, handing back, order -------------------------------------------------------------------

    def test_a_message_sent_many_times_runs_once(self):
        raw = self.raw()
        mark = uuid.uuid4().hex
        for i in range(40):             # more apart than the 16 that oslo.messaging remembers
            raw.publish(envelope('note', {'value': mark}, _unique_id=mark))
            if i < 30:
                raw.publish(envelope('note', {'value': 'other'}))
        self.assertEqual(self.client.call(CONTEXT, 'echo', value=1), 1)
        self.assertEqual(self.noted().count(mark), 1)

    def test_what_is_handed_back_comes_again(self):
        self.assertIsNone(self.client.call(CONTEXT, 'give_back', times=3))

    def test_a_reply_to_a_caller_that_is_gone_holds_up_nobody(self):
        raw = self.raw()
        for i in range(200):            # three times the prefetch
            raw.publish(envelope('echo', {'value': 1}, _msg_id='gone%d' % i, _reply_q='reply_of_nobody'))
        began = time.monotonic()
        self.assertEqual(self.client.call(CONTEXT, 'echo', value='next'), 'next')
        self.assertLess(time.monotonic() - began, 5 * SLOW)

    def test_no_password_is_in_the_log(self):
        self.assertNotIn(self.broker.password, self.echo.text())


class Client(OnSharedBroker):
    """rpc-echo as a client of the real Python server."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        import oslo_messaging

        class Endpoint:
            target = oslo_messaging.Target(version='3.0')

            def __init__(self):
                self.seen = []

            def add(self, ctxt, a, b):
                self.seen.append(ctxt.get('request_id'))
                return {'sum': a + b}

            def nothing(self, ctxt):
                return None

            def note(self, ctxt, value):
                self.seen.append(value)

            def fail(self, ctxt):
                raise ValueError('no such thing')

            def slow(self, ctxt, seconds):
                time.sleep(seconds)
                return 'slept'

        class Base(Endpoint):
            target = oslo_messaging.Target(namespace='baseapi', version='1.1')

            def who(self, ctxt):
                return 'base'
        cls.endpoint = Endpoint()
        cls.server = oslo_messaging.get_rpc_server(
            cls.transport, oslo_messaging.Target(exchange='nova', topic='conductor', server='c1'), [cls.endpoint, Base()],
            executor='threading')
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.server.wait()
        super().tearDownClass()

    def do(self, verb, what, args=None, context=CONTEXT, **more):
        more.setdefault('topic', 'conductor')
        more.setdefault('version', '3.0')
        return self.client.call(context, 'do_' + verb, what=what, args=args or {}, **more)

    def test_a_call_returns_the_result_and_hands_the_context_on(self):
        self.assertEqual(self.do('call', 'add', {'a': 1, 'b': 2}, timeout=10), {'sum': 3})
        self.assertIn(CONTEXT['request_id'], self.endpoint.seen)
        self.assertIsNone(self.do('call', 'nothing', timeout=10))
        self.assertEqual(self.do('call', 'add', {'a': 'x', 'b': 'ü'}, timeout=10, server='c1'), {'sum': 'xü'})
        self.assertEqual(self.do('call', 'who', namespace='baseapi', version='1.0', timeout=10), 'base')

    def test_a_remote_failure_keeps_its_class(self):
        with self.assertRaises(ValueError) as caught:
            self.do('call', 'fail', timeout=10)
        self.assertIn('no such thing', str(caught.exception))

    def test_a_call_to_nobody_ends_at_its_deadline(self):
        import oslo_messaging
        began = time.monotonic()
        with self.assertRaises(oslo_messaging.RemoteError) as caught:
            self.do('call', 'x', topic='nobody', timeout=1)
        self.assertEqual(caught.exception.exc_type, 'MessagingTimeout')
        self.assertLess(time.monotonic() - began, 6 * SLOW)

    def test_a_long_call_is_monitored(self):
        # rpc_response_timeout is 60: only the signs of life of the Python server tell that it lives
        self.assertEqual(self.do('call', 'slow', {'seconds': 1}, timeout=100), 'slept')

    def test_casts_and_fanout_reach_the_python_server(self):
        self.assertEqual(self.do('cast', 'note', {'value': 'one'}), 'sent')
        self.assertEqual(self.do('fanout', 'note', {'value': 'all'}), 'sent')
        eventually(lambda: {'one', 'all'} <= set(self.endpoint.seen), what='both casts')

    def test_a_cast_to_nobody_is_told(self):
        since = self.echo.count()
        self.do('cast', 'note', topic='nobody-there')
        self.echo.wait('cast to nobody-there reached no queue', since=since)

    def test_notifications_wait_in_their_queue(self):
        for format, topic in (('oslo', 'notifications'), ('essex', 'notes')):
            self.do('notify', '-', {'event_type': 'compute.instance.create.end', 'payload': {}}, topic=topic, priority='INFO', format=format)
            raw = self.raw()
            eventually(lambda: topic + '.info' in self.broker.queues(self.vhost), what='the queue')
            got = eventually(lambda: raw.channel.basic_get(topic + '.info', no_ack=True), what='the notification')
            message = json.loads(got.body)
            if format == 'oslo':
                message = opened(message)
            self.assertEqual(message['event_type'], 'compute.instance.create.end')
            self.assertEqual(message['_context_request_id'], CONTEXT['request_id'])
            self.assertIn('_unique_id', message)

    # checklist: 63
    def test_an_essex_service_is_called_in_its_own_way(self):
        raw = self.raw()
        raw.channel.exchange_declare('nova', 'topic', durable=False, auto_delete=False)
        raw.channel.queue_declare('network', durable=False, auto_delete=False)
        raw.channel.queue_bind('network', 'nova', 'network')

        def serve(message):
            request = json.loads(message.body)
            raw.requests.append(request)
            reply = request['_msg_id']
            raw.channel.exchange_declare(reply, 'direct', durable=False, auto_delete=True)
            answers = [{'result': None, 'failure': ['Broken', 'it is', ['Traceback\n']]}] if request['method'] == 'break' else [
                {'result': 'first', 'failure': None}, {'result': 'last', 'failure': None},
                {'result': None, 'failure': None, 'ending': True}]
            for answer in answers:
                raw.publish(answer, key=reply, exchange=reply)
        raw.requests = []
        raw.channel.basic_consume('network', no_ack=True, callback=serve)

        def answered(what):
            got = []

            def call():
                try:
                    got.append(self.do('call', what, {'a': 1}, topic='network', format='essex', timeout=10))
                except Exception as e:
                    got.append(flatten(e))
            thread = threading.Thread(target=call)
            thread.start()
            while thread.is_alive():
                try:
                    raw.connection.drain_events(timeout=0.1)
                except (TimeoutError, OSError):
                    pass
            return got[0]
        self.assertEqual(answered('get'), 'last')
        self.assertNotIn('version', raw.requests[0])
        self.assertNotIn('oslo.version', raw.requests[0])
        self.assertIn('RemoteError: Remote error: Broken it is', answered('break'))
        eventually(lambda: not [q for q in self.broker.queues(self.vhost) if len(q) == 32], what='the queues of the calls gone')

    def test_a_cast_to_another_broker_reaches_it(self):
        other = self.broker.vhost('other-' + uuid.uuid4().hex[:8])
        self.addCleanup(self.broker.http, 'DELETE', 'vhosts/' + other)
        far = Echo(self.broker.url(other), host='far').ready()
        self.addCleanup(far.stop)
        transport, client = rpc_client(self.broker.url(other), host='far')
        self.addCleanup(transport.cleanup)
        for fanout in (False, True):
            self.client.call(CONTEXT, 'do_cast_to_server', what='note', args={'value': fanout}, topic='compute',
                             server=None if fanout else 'far', version='6.0', url=self.broker.url(other), fanout=fanout)
        eventually(lambda: client.call(CONTEXT, 'noted') == [False, True], what='both casts over there')

    def test_the_reply_queue_names_its_host(self):
        self.do('call', 'nothing', timeout=10)
        q = self.broker.queues(self.vhost)['reply_h1:rpc-echo:1']
        self.assertEqual((q['durable'], q['auto_delete'], q['exclusive'], q['arguments']), (False, False, False, {'x-expires': 1800000}))


class Options(unittest.TestCase):
    """Servers with options of their own."""

    def setUp(self):
        self.broker = shared_broker()
        self.vhost = self.broker.vhost('rpc-' + uuid.uuid4().hex[:8])
        self.addCleanup(self.broker.http, 'DELETE', 'vhosts/' + self.vhost)
        self.url = self.broker.url(self.vhost)

    def start(self, *args, wait=True, **kwargs):
        echo = Echo(*args, **kwargs)
        self.addCleanup(echo.kill)
        return echo.ready() if wait else echo

    def connect(self, url=None, **more):
        transport, client = rpc_client(url or self.url, host='h1', **more)
        self.addCleanup(transport.cleanup)
        return client

    # checklist: 61
    def test_queues_exist_before_consuming_starts_and_keep_what_comes(self):
        echo = self.start(self.url, wait=False, environment={'RPC_ECHO_DECLARE_ONLY': '1'})
        echo.wait('^STATUS connected .* consumers=0')
        raw = Raw(self.broker, self.vhost)
        self.addCleanup(raw.close)
        for i in range(3):
            raw.publish(envelope('note', {'value': i}))
        echo.stop()
        self.start(self.url)
        self.assertEqual(eventually(lambda: self.connect().call(CONTEXT, 'noted') or None, what='the casts'), [0, 1, 2])

    def test_prefetch_bounds_what_one_host_takes(self):
        echo = self.start(self.url, rabbit={'rabbit_qos_prefetch_count': 2})
        client = self.connect()
        for _ in range(3):
            client.cast(CONTEXT, 'slow', seconds=1.5)
        eventually(lambda: echo.text().count('BUSY') == 2, what='two taken')
        taken = time.monotonic()
        eventually(lambda: echo.text().count('BUSY') == 3, what='the third taken')
        self.assertGreater(time.monotonic() - taken, 1.0)

    def test_a_message_over_the_limit_is_dropped_and_named(self):
        echo = self.start(self.url, rpc_max_message_size=100000)
        client = self.connect()
        client.cast(CONTEXT, 'note', value='x' * 100000)
        echo.wait('queue compute.h1 is dropped: it has 1[0-9]{5} bytes, and rpc_max_message_size is 100000')
        self.assertEqual(client.call(CONTEXT, 'echo', value='y' * 90000), 'y' * 90000)

    def test_a_dead_reply_queue_is_given_up_with_one_line(self):
        echo = self.start(self.url, rabbit={'kombu_missing_consumer_retry_timeout': 1})
        raw = Raw(self.broker, self.vhost)
        self.addCleanup(raw.close)
        for i in range(5):
            raw.publish(envelope('echo', _msg_id='m%d' % i, _reply_q='reply_of_nobody'))
        echo.wait('queue reply_of_nobody is missing')
        for i in range(5):
            raw.publish(envelope('echo', _msg_id='n%d' % i, _reply_q='reply_of_nobody'))
        self.assertEqual(self.connect().call(CONTEXT, 'echo', value=1), 1)
        self.assertEqual(echo.text().count('reply_of_nobody is missing'), 1)

    def test_a_reply_queue_that_appears_late_gets_its_reply(self):
        self.start(self.url)
        raw = Raw(self.broker, self.vhost)
        self.addCleanup(raw.close)
        raw.publish(envelope('echo', {'value': 'late'}, _msg_id='m', _reply_q='reply_late'))
        self.assertEqual(self.connect().call(CONTEXT, 'echo', value=1), 1)
        raw.listen('reply_late')
        self.assertEqual(opened(raw.wait('reply_late')[0])['result'], 'late')

    # checklist: 74
    def test_stopping_answers_what_runs_and_removes_its_fanout_queue(self):
        echo = self.start(self.url)
        client = self.connect()
        got = []
        thread = threading.Thread(target=lambda: got.append(client.call(CONTEXT, 'slow', seconds=1)))
        thread.start()
        echo.wait('^BUSY')
        self.assertEqual(echo.stop(), 0)
        thread.join()
        self.assertEqual(got, ['slept'])
        self.assertIn('CANCELLED', echo.text())
        self.assertNotIn('compute_fanout_h1:rpc-echo:1', self.broker.queues(self.vhost))
        self.assertIn('compute.h1', self.broker.queues(self.vhost))

    def test_durable_and_quorum_queues_are_declared_as_asked(self):
        echo = self.start(self.url, rabbit={'amqp_durable_queues': 'true'})
        q = self.broker.queues(self.vhost)
        self.assertTrue(q['compute']['durable'] and q['compute.h1']['durable'])
        self.assertFalse(q['compute_fanout_h1:rpc-echo:1']['durable'])
        echo.stop()
        other = self.broker.vhost('quorum-' + uuid.uuid4().hex[:8])
        self.addCleanup(self.broker.http, 'DELETE', 'vhosts/' + other)
        self.start(self.broker.url(other), rabbit={'rabbit_quorum_queue': 'true', 'rabbit_quorum_delivery_limit': 5})
        q = self.broker.queues(other)
        self.assertEqual(q['compute.h1']['arguments'], {'x-queue-type': 'quorum', 'x-delivery-limit': 5})
        self.assertEqual(self.connect(self.broker.url(other), tls={'rabbit_quorum_queue': True}).call(CONTEXT, 'echo', value=1), 1)

    def test_other_flags_on_the_broker_are_told_and_overcome_when_they_go(self):
        raw = Raw(self.broker, self.vhost)
        self.addCleanup(raw.close)
        raw.channel.queue_declare('compute', durable=True, auto_delete=False)
        echo = self.start(self.url, wait=False)
        line = echo.wait('AMQP server on .* is unreachable: .*').group(0)
        for part in ("declaring queue 'compute'", '406 PRECONDITION_FAILED', 'amqp_durable_queues'):
            self.assertIn(part, line)
        raw.channel.queue_delete('compute')
        echo.ready()

    def test_a_fanout_queue_of_ours_with_other_flags_is_replaced(self):
        raw = Raw(self.broker, self.vhost)
        self.addCleanup(raw.close)
        raw.channel.queue_declare('compute_fanout_h1:rpc-echo:1', durable=True, auto_delete=False)
        self.start(self.url)
        self.assertEqual(self.broker.queues(self.vhost)['compute_fanout_h1:rpc-echo:1']['arguments'], {'x-expires': 1800000})

    def test_a_second_process_of_the_same_name_takes_the_next_number(self):
        one = self.start(self.url)
        two = self.start(self.url)
        self.assertIn('compute_fanout_h1:rpc-echo:1', one.wait('^READY .*').group(0))
        self.assertIn('compute_fanout_h1:rpc-echo:2', two.wait('^READY .*').group(0))

    def test_refusals_of_the_broker_are_sentences_without_the_password(self):
        for url, parts in (
                ('rabbit://%s:wr0ng-pass@127.0.0.1:%d/' % (self.broker.user, self.broker.port),
                 ("login as '%s'" % self.broker.user, '403 ACCESS_REFUSED', 'password')),
                (self.broker.url('no-such-vhost'), ("virtual host 'no-such-vhost'", '530 NOT_ALLOWED')),
                ('rabbit://u:wr0ng-pass@127.0.0.1:1/', ('connecting: Connection refused',)),
                ('rabbit://u:wr0ng-pass@no-such-host.invalid/', ('the name cannot be resolved',))):
            echo = self.start(url, wait=False)
            line = echo.wait('is unreachable: .*').group(0)
            for part in parts:
                self.assertIn(part, line)
            echo.wait('^STATUS waiting .* attempt=[1-9]')
            echo.kill()
            self.assertNotIn('wr0ng-pass', echo.text())
            self.assertNotIn(self.broker.password, echo.text())

    def test_of_several_brokers_one_that_answers_is_found(self):
        dead = ['u:p@127.0.0.1:%d' % novatest.Broker.__init__.__globals__['free_port']() for _ in range(3)]
        alive = self.url[len('rabbit://'):].split('/')[0]
        self.start('rabbit://' + ','.join(dead + [alive]) + '/' + self.vhost)
        self.assertEqual(self.connect().call(CONTEXT, 'echo', value=1), 1)

    def test_the_options_of_essex_reach_the_same_broker(self):
        echo = self.start(None, rabbit_host='127.0.0.1', rabbit_port=self.broker.port, rabbit_userid=self.broker.user,
                          rabbit_password=self.broker.password, rabbit_virtual_host=self.vhost)
        self.assertEqual(self.connect().call(CONTEXT, 'echo', value=1), 1)
        self.assertNotIn(self.broker.password, echo.text())

    # --- TLS -----------------------------------------------------------------------------------------------

    def tls(self, name):
        return self.broker.path('tls', name)

    def test_tls_is_verified_by_name_and_by_address(self):
        for host in ('localhost', '127.0.0.1'):
            url = self.broker.url(self.vhost, tls=True, host=host)
            echo = self.start(url, rabbit={'ssl': 'true', 'ssl_ca_file': self.tls('ca.pem')})
            client = self.connect(url, tls={'ssl': True, 'ssl_ca_file': self.tls('ca.pem')})
            self.assertEqual(client.call(CONTEXT, 'echo', value=host), host)
            self.assertEqual(client.call(CONTEXT, 'echo', value='x' * 500000), 'x' * 500000)
            self.assertEqual(echo.stop(), 0)

    def test_a_broker_of_a_strange_ca_is_refused(self):
        url = self.broker.url(self.vhost, tls=True, host='localhost')
        for options in ({'ssl_ca_file': self.tls('stranger.pem')}, {}):         # without a file: the system's CAs
            echo = self.start(url, wait=False, rabbit=dict(options, ssl='true'))
            self.assertIn('the certificate of the broker is refused', echo.wait('is unreachable: TLS.*').group(0))
            echo.kill()

    def test_a_broker_of_another_name_is_refused_unless_told(self):
        # 127.0.0.2 is the same machine, but not in the certificate
        import socket
        relay = socket.create_server(('127.0.0.2', 0))
        self.addCleanup(relay.close)

        def pump(a, b):
            try:
                while True:
                    data = a.recv(65536)
                    if not data:
                        break
                    b.sendall(data)
            except OSError:
                pass
            for s in (a, b):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def accept():
            while True:
                try:
                    near, _ = relay.accept()
                except OSError:
                    return
                far = socket.create_connection(('127.0.0.1', self.broker.tls_port))
                threading.Thread(target=pump, args=(near, far), daemon=True).start()
                threading.Thread(target=pump, args=(far, near), daemon=True).start()
        threading.Thread(target=accept, daemon=True).start()
        url = 'rabbit://%s:%s@127.0.0.2:%d/%s' % (self.broker.user, self.broker.password, relay.getsockname()[1], self.vhost)
        tls = {'ssl': 'true', 'ssl_ca_file': self.tls('ca.pem')}
        echo = self.start(url, wait=False, rabbit=tls)
        self.assertIn('IP address mismatch', echo.wait('is unreachable: TLS.*').group(0))
        echo.kill()
        echo = self.start(url, rabbit=dict(tls, ssl_enforce_hostname_verification='false'))
        self.assertIn('ssl_enforce_hostname_verification is false', echo.text())
        echo.stop()
        echo = self.start(url, rabbit={'ssl': 'true', 'ssl_verify': 'false'})
        self.assertIn('ssl_verify is false', echo.text())

    def test_a_client_certificate_logs_in_by_itself(self):
        url = 'rabbit://localhost:%d/%s' % (self.broker.tls_port, self.vhost)
        rabbit = {'ssl': 'true', 'ssl_ca_file': self.tls('ca.pem'), 'ssl_cert_file': self.tls('client.pem'),
                  'ssl_key_file': self.tls('client.key'), 'rabbit_login_method': 'EXTERNAL'}
        self.start(url, rabbit=rabbit)
        self.assertEqual(self.connect().call(CONTEXT, 'echo', value=1), 1)

    def test_missing_tls_files_are_named(self):
        url = self.broker.url(self.vhost, tls=True, host='localhost')
        for options, text in (({'ssl_ca_file': '/no/ca.pem'}, 'ssl_ca_file: cannot read /no/ca.pem: No such file'),
                              ({'ssl_ca_file': self.tls('ca.pem'), 'ssl_cert_file': self.tls('server.csr')}, 'ssl_cert_file: ')):
            echo = self.start(url, wait=False, rabbit=dict(options, ssl='true'))
            self.assertIn(text, echo.wait('is unreachable: .*').group(0))
            echo.kill()

    def test_plain_text_on_a_tls_port_is_told(self):
        echo = self.start(self.broker.url(self.vhost, tls=True), wait=False)
        echo.wait('is unreachable: .*if it expects TLS, set ssl=true')


if __name__ == '__main__':
    unittest.main()
