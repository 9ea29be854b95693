"""src/rpc when the broker is killed, frozen, full or loses queues. A broker of its own, as the others would suffer."""
import os
import shutil
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rpcecho import Echo, Raw, envelope, eventually, opened  # noqa: E402
from broker import SERVER, Broker  # noqa: E402
from novatest import CONTEXT, SLOW, rpc_client  # noqa: E402


class Faults(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(SERVER):
            raise unittest.SkipTest('rabbitmq-server is not installed')
        cls.folder = tempfile.mkdtemp(prefix='nova-faults.')
        cls.broker = Broker(cls.folder, management=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.kill()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        if not self.broker.answers():
            self.broker.kill()
            self.broker.start()
        self.echos = []

    def tearDown(self):
        for echo in self.echos:
            echo.kill()

    def start(self, rabbit=None, **options):
        echo = Echo(self.broker.url(), rabbit=rabbit, **options)
        self.echos.append(echo)
        return echo.ready()

    def call(self, method, timeout=10, **args):
        transport, client = rpc_client(self.broker.url(), host='h1', timeout=timeout)
        try:
            return client.call(CONTEXT, method, **args)
        finally:
            transport.cleanup()

    @staticmethod
    def length(echo, since):
        with echo.changed:
            return len('\n'.join(echo.lines[:since]))

    def ours(self):
        return [c for c in self.broker.http('GET', 'connections') if 'rpc-echo' in str(c['client_properties'].get('connection_name'))]

    def raw_answers(self):
        """One call over a fresh connection, or None; quicker than a whole Python client."""
        try:
            raw = Raw(self.broker, '/')
        except Exception:
            return None
        try:
            queue = 'probe_%f' % time.monotonic()
            raw.listen(queue)
            raw.publish(envelope('echo', {'value': 1}, _msg_id='p', _reply_q=queue))
            return opened(raw.wait(queue, seconds=0.2)[0])
        except Exception:
            return None
        finally:
            try:
                raw.close()
            except Exception:
                pass

    # checklist: 64
    def test_after_a_power_cut_of_the_broker_it_answers_again_at_once(self):
        echo = self.start()
        since = echo.count()
        self.broker.kill()
        echo.wait('^STATUS waiting', since=since)
        self.broker.launch()
        eventually(self.broker.answers, 60, 'the broker')
        back = time.monotonic()
        eventually(self.raw_answers, 10, 'an answer')
        took = time.monotonic() - back
        print('broker back after a power cut: first answer after %.2f s' % took, flush=True)
        self.assertLess(took, 1.5 * SLOW)
        # a line when a connection breaks and one when the port refuses, for each of the two: not one for each try
        self.assertLessEqual(echo.text()[self.length(echo, since):].count('is unreachable'), 6)
        echo.wait('^STATUS connected .* consumers=3', since=since)
        self.assertEqual({'compute', 'compute.h1', 'compute_fanout_h1:rpc-echo:1'} - set(self.broker.queues()), set())

    def test_after_a_clean_restart_it_answers_again(self):
        echo = self.start()
        since = echo.count()
        self.broker.stop()
        self.assertIn('320 CONNECTION_FORCED', echo.wait('is unreachable: .*', since=since).group(0))
        self.broker.start()
        eventually(self.raw_answers, 10, 'an answer')

    def test_a_call_that_runs_through_a_lost_connection_is_run_once_and_answered(self):
        echo = self.start()
        raw = Raw(self.broker, '/')
        self.addCleanup(raw.close)
        raw.listen('reply_steady')
        eventually(lambda: len(self.ours()) == 2, what='both connections in the statistics')
        raw.publish(envelope('slow', {'seconds': 2}, _msg_id='s', _reply_q='reply_steady'))
        echo.wait('^BUSY')
        since = echo.count()
        for c in self.ours():
            self.broker.http('DELETE', 'connections/' + c['name'].replace(' ', '%20').replace('>', '%3E'))
        echo.wait('delivered again while it runs', since=since)
        got = raw.wait('reply_steady', 1)
        self.assertEqual(opened(got[0])['result'], 'slept')
        eventually(lambda: self.broker.queues()['compute.h1'].get('messages') == 0, what='the delivery acked')
        self.assertEqual(self.call('echo', value=1), 1)
        self.assertEqual(len(raw.got['reply_steady']), 1)

    def test_a_deleted_queue_is_declared_and_consumed_again(self):
        echo = self.start()
        for queue in ('compute.h1', 'compute', 'compute_fanout_h1:rpc-echo:1'):
            since = echo.count()
            self.broker.http('DELETE', 'queues/%2F/' + queue.replace(':', '%3A'))
            echo.wait('the broker cancelled consumer', since=since)
            echo.wait('^STATUS connected .* consumers=3', since=since)
            self.assertEqual(self.call('echo', value=queue), queue)

    def test_a_deleted_reply_queue_comes_back(self):
        self.start()
        one = {'topic': 'compute', 'server': 'h1', 'version': '6.0', 'what': 'echo', 'args': {'value': 1}, 'timeout': 3}
        self.assertEqual(self.call('do_call', **one), 1)
        self.broker.http('DELETE', 'queues/%2F/reply_h1%3Arpc-echo%3A1')
        eventually(lambda: self.call('do_call', **one) == 1, 20, 'an answer')

    def frozen(self, echo, since):
        began = time.monotonic()
        echo.wait('^STATUS (waiting|connecting)', seconds=20, since=since)
        return time.monotonic() - began

    def test_a_frozen_broker_is_noticed_within_two_heartbeats(self):
        echo = self.start(rabbit={'heartbeat_timeout_threshold': 2})
        since = echo.count()
        self.broker.freeze()
        try:
            took = self.frozen(echo, since)
        finally:
            self.broker.thaw()
        print('frozen broker noticed after %.2f s of 2 x 2 s' % took, flush=True)
        self.assertLess(took, 4.3 * SLOW)
        self.assertIn('has been silent for', echo.text())
        eventually(self.raw_answers, 30, 'an answer')

    def test_a_frozen_broker_is_noticed_while_a_send_hangs(self):
        echo = self.start(rabbit={'heartbeat_timeout_threshold': 2})
        raw = Raw(self.broker, '/')
        raw.listen('reply_big')
        # replies of 4 MB each, made while the broker no longer reads
        for i in range(8):
            raw.publish(envelope('slow', {'seconds': 3, 'size': 4000000}, _msg_id='b%d' % i, _reply_q='reply_big'))
        eventually(lambda: echo.text().count('BUSY') == 8, what='the calls taken')
        since = echo.count()
        self.broker.freeze()
        began = time.monotonic()
        try:
            echo.wait('^PUBLISHER (waiting|connecting)', seconds=20, since=since)
            took = time.monotonic() - began
        finally:
            self.broker.thaw()
        print('frozen broker noticed after %.2f s with sends under way' % took, flush=True)
        self.assertLess(took, (3 + 4.3) * SLOW)
        eventually(self.raw_answers, 30, 'an answer')

    def test_under_a_memory_alarm_it_says_so_and_goes_on_afterwards(self):
        echo = self.start()
        since = echo.count()
        raw = Raw(self.broker, '/')
        raw.listen('reply_alarm')
        # It ends under the alarm, which takes rabbitmqctl a while to raise: a connection is blocked when it publishes.
        raw.publish(envelope('slow', {'seconds': 4 * SLOW}, _msg_id='a', _reply_q='reply_alarm'))
        echo.wait('^BUSY')
        self.broker.ctl('set_vm_memory_high_watermark', '0.0000001')
        try:
            echo.wait('^PUBLISHER connected .* blocked=1', since=since)
            # the consuming connection publishes nothing: it stays and is not blocked
            self.assertNotIn('STATUS waiting', echo.text())
        finally:
            self.broker.ctl('set_vm_memory_high_watermark', 'absolute', '512MiB')
        echo.wait('^PUBLISHER connected .* blocked=0', since=since)
        self.assertEqual(opened(raw.wait('reply_alarm', 1)[0])['result'], 'slept')
        raw.close()

    def test_a_broker_that_is_late_is_waited_for(self):
        self.broker.kill()
        echo = Echo(self.broker.url())
        self.echos.append(echo)
        echo.wait('is unreachable: connecting: Connection refused')
        self.broker.start()
        echo.ready()

    def test_stopping_without_a_broker_takes_no_longer_than_it_must(self):
        echo = self.start()
        self.broker.kill()
        echo.wait('^STATUS waiting')
        began = time.monotonic()
        self.assertEqual(echo.stop(), 0)
        self.assertLess(time.monotonic() - began, 2 * SLOW)

    def test_stopping_with_a_frozen_broker_ends(self):
        echo = self.start()
        self.broker.freeze()
        try:
            began = time.monotonic()
            echo.process.terminate()
            eventually(lambda: echo.process.poll() is not None, 25, 'the end')
            self.assertLess(time.monotonic() - began, 20 * SLOW)
        finally:
            self.broker.thaw()


if __name__ == '__main__':
    unittest.main()
