"""The daemon when what it stands on fails: broker, database, hypervisor. It stays up, says once what is wrong and once that it
is well again, answers on the bus meanwhile, and recovers by itself. And whatever fails, it tells no secret."""
import contextlib
import json
import os
import re
import select
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

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from busclient import NODE, SERVICE, Error  # noqa: E402
from test_life import FANOUT, QUEUES, Caller, LifeTest  # noqa: E402
from broker import SERVER, Broker, free_port  # noqa: E402
from novatest import BINARY, CONTEXT, SLOW, eventually, rpc_client  # noqa: E402


class FaultTest(LifeTest):
    def reads_quickly(self, client, n=20):
        """The slowest of @n property reads: the bus answers from its own state whatever hangs."""
        slowest = 0
        for _ in range(n):
            began = time.monotonic()
            client.get('Trouble')
            slowest = max(slowest, time.monotonic() - began)
        self.assertLess(slowest, 1 * SLOW)
        return slowest

    def reports_go_on(self, d):
        before = d.service_row()['report_count']
        eventually(lambda: d.service_row()['report_count'] >= before + 2, what='two more reports')


class Proxy:
    """Stands between the daemon and a broker. deaf: what the daemon sends is not read; mute: what the
    broker sends is not read, from when the daemon has sent @mute_at; cut: all connections are broken."""

    def __init__(self, port):
        self.target = port
        self.server = socket.create_server(('127.0.0.1', 0))
        self.port = self.server.getsockname()[1]
        self.pairs, self.deaf, self.refusing, self.ended = [], False, False, False
        self.mute, self.mute_at = False, None
        self.lock = threading.Lock()
        self.wake, self.waker = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended:
            with self.lock:
                daemon_side = {a: b for a, b in self.pairs}
                broker_side = {b: a for a, b in self.pairs}
                watched = [self.server, self.wake] + ([] if self.mute else list(broker_side)) + ([] if self.deaf else list(daemon_side))
            for s in select.select(watched, [], [], 1)[0]:
                if s is self.wake:
                    s.recv(100)
                elif s is self.server:
                    a = s.accept()[0]
                    if self.refusing:
                        a.close()
                        continue
                    with self.lock:
                        self.pairs.append((a, socket.create_connection(('127.0.0.1', self.target))))
                elif self.mute and s in broker_side:
                    continue
                else:
                    self.forward(s, daemon_side.get(s) or broker_side[s])

    def forward(self, s, to):
        try:
            data = s.recv(65536)
            if data:
                if self.mute_at and self.mute_at in data:
                    self.mute = True
                to.sendall(data)
                return
        except OSError:
            pass
        self.drop(lambda pair: s in pair)

    def drop(self, which):
        with self.lock:
            for pair in [p for p in self.pairs if which(p)]:
                self.pairs.remove(pair)
                for s in pair:
                    with contextlib.suppress(OSError):
                        s.shutdown(socket.SHUT_RDWR)
                    s.close()

    def set(self, **more):
        for k, v in more.items():
            setattr(self, k, v)
        self.waker.send(b'x')

    def cut(self):
        self.drop(lambda pair: True)
        self.waker.send(b'x')

    def close(self):
        self.set(ended=True)
        self.thread.join()
        self.cut()
        for s in (self.server, self.wake, self.waker):
            s.close()


class OwnBroker(FaultTest):
    """A broker that may be killed and frozen."""

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(SERVER):
            raise unittest.SkipTest('rabbitmq-server is not installed')
        cls.folder = tempfile.mkdtemp(prefix='nova-broker.')
        cls.own = Broker(cls.folder, management=True, port=free_port())

    @classmethod
    def tearDownClass(cls):
        cls.own.kill()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def setUp(self):
        self.broker, self.vhost = self.own, '/'
        self.url = self.own.url()

    def start_broker(self):
        if not (self.own.process and self.own.answers()):
            self.own.kill()
            self.own.start()

    def answered(self):
        """Whether a call over a connection of its own is answered at once."""
        try:
            caller = Caller(self.broker, '/')
        except Exception:
            return False
        try:
            return 'load average' in caller.call('get_host_uptime', seconds=1 / SLOW)['result']
        except Exception:
            return False
        finally:
            with contextlib.suppress(Exception):
                caller.close()

    # checklist: 64, 79
    def test_a_broker_that_is_late_is_waited_for(self):
        self.own.kill()
        d = self.daemon(options={'report_interval': '1'}).start()
        bob = self.client('bob').watch()
        address = '127.0.0.1:%d' % self.own.port
        self.assertRegex(d.status(), 'Degraded on host testhost: AMQP server on %s is not connected: connecting: Connection refused' % address)
        self.assertEqual((bob.get('State'), bob.get('BrokerState'), bob.get('BrokerAddress')), ('degraded', 'waiting', address))
        self.assertGreater(bob.get('BrokerNextTryUSecMonotonic'), 0)
        attempts = bob.get('BrokerAttempts')
        eventually(lambda: bob.get('BrokerAttempts') > attempts, what='another try')
        self.reports_go_on(d)
        self.own.start()
        bob.wait_change('BrokerState', 'connected', 30)
        eventually(lambda: bob.get('State') == 'running', what='running')
        self.assertEqual({q: self.consumers(q) for q in QUEUES}, {q: 1 for q in QUEUES})
        self.assertTrue(self.answered())
        # the failure was told once for each connection, not for each try, and once that it is over
        self.assertLessEqual(d.text().count('is unreachable'), 4)
        self.assertEqual(len(re.findall(r'INFO .*Connected to AMQP server on %s \(consumer\)' % address, d.text())), 1)
        self.assertEqual(d.status(), 'Running on host testhost: consuming and reporting')
        self.assertEqual(d.stop(), 0)

    # checklist: 64
    def test_after_a_power_cut_of_the_broker_queues_are_back_and_calls_work(self):
        self.start_broker()
        d = self.daemon(options={'report_interval': '1'}).start()
        bob = self.client('bob').watch()
        self.own.kill()
        bob.wait_change('BrokerState', 'waiting')
        self.assertEqual((bob.get('State'), bob.get('Consumers')), ('degraded', 0))
        eventually(lambda: 'not connected' in d.status(), what='the status')
        self.reports_go_on(d)
        self.own.launch()
        eventually(self.own.answers, 60, 'the broker')
        back = time.monotonic()
        eventually(self.answered, 20, 'an answer')
        took = time.monotonic() - back
        print('broker back after a power cut: first answer after %.2f s' % took, flush=True)
        self.assertLess(took, 5 * SLOW)
        eventually(lambda: bob.get('State') == 'running', what='running')
        self.assertEqual((bob.get('Consumers'), bob.get('BrokerError')), (3, ''))
        self.assertEqual({q: self.consumers(q) for q in QUEUES}, {q: 1 for q in QUEUES})
        self.assertEqual(d.stop(), 0)

    # checklist: 64, 79
    def test_a_frozen_broker_is_noticed_and_holds_up_neither_bus_nor_reports_nor_a_stop(self):
        self.start_broker()
        d = self.daemon(options={'report_interval': '1'}, groups={'oslo_messaging_rabbit': {'heartbeat_timeout_threshold': '2'}}).start()
        bob = self.client('bob').watch()
        self.own.freeze()
        try:
            began = time.monotonic()
            bob.wait_change('BrokerState', 'waiting', 10)
            took = time.monotonic() - began
            print('frozen broker noticed after %.2f s of 2 x 2 s' % took, flush=True)
            self.assertLess(took, 4.5 * SLOW)
            self.reads_quickly(bob)
            self.reports_go_on(d)
            self.assertIn('has been silent for', d.text())
            # a second one stops while the broker is frozen
            began = time.monotonic()
            self.assertEqual(d.stop(), 0)
            self.assertLess(time.monotonic() - began, 2 * SLOW)
            bob.close()
            # and one that starts meanwhile waits for it
            d.default['start_step_timeout'] = '1'
            d.start()
            self.assertRegex(d.status(), '^Degraded on host testhost: .*AMQP server on 127.0.0.1:')
        finally:
            self.own.thaw()
        eventually(self.answered, 30, 'an answer')
        self.assertEqual(d.stop(), 0)


class SharedBroker(FaultTest):

    # checklist: 64
    def test_a_send_that_hangs_is_noticed(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        url = self.url.replace(':%d/' % self.broker.port, ':%d/' % proxy.port)
        d = self.daemon(url, options={'report_interval': '1'}, groups={'oslo_messaging_rabbit': {'heartbeat_timeout_threshold': '2'}}).start()
        bob, caller = self.client('bob').watch(), self.caller()
        proxy.set(deaf=True)
        began = time.monotonic()
        # what goes back fills every buffer on the way
        ids = [caller.send('ping', {'arg': 'x' * 4000000}, namespace='baseapi', version='1.1') for _ in range(6)]
        d.wait_logged(r'(stuck for [\d.]+ seconds; breaking it|is unreachable: .*) \(publisher\)', 15)
        took = time.monotonic() - began
        print('a send that hangs noticed after %.2f s of 2 x 2 s' % took, flush=True)
        self.assertLess(took, 5 * SLOW)
        self.reads_quickly(bob)
        self.reports_go_on(d)
        proxy.set(deaf=False)
        eventually(lambda: bob.get('BrokerState') == 'connected', 20, 'the connection')
        self.assertEqual([a.get('failure') for a in caller.answers(ids, 30).values()], [None] * 6)
        self.assertEqual(d.stop(), 0)

    def test_a_stop_while_the_queues_are_declared_leaves_none(self):
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        proxy.set(mute_at=FANOUT.encode())
        d = self.daemon(self.url.replace(':%d/' % self.broker.port, ':%d/' % proxy.port), options={'start_step_timeout': '30'}).launch()
        eventually(lambda: proxy.mute, 15, 'the declaration')
        d.signal(signal.SIGTERM)
        d.wait_logged('SIGTERM: stopping')
        # the answer comes late, but it comes: until then the connection is kept
        end = time.monotonic() + 0.3
        while time.monotonic() < end and proxy.pairs:
            time.sleep(0.01)
        proxy.set(mute=False, mute_at=None)
        self.assertEqual(d.wait(5), 0)
        self.assertNotIn(FANOUT, self.broker.queues(self.vhost))

    # checklist: 64
    def test_of_several_brokers_one_that_answers_is_taken(self):
        with socket.create_server(('127.0.0.1', 0)) as s:
            dead = s.getsockname()[1]
        proxies = {p.port: p for p in (Proxy(self.broker.port), Proxy(self.broker.port))}
        for p in proxies.values():
            self.addCleanup(p.close)
        user = self.url[len('rabbit://'):].split('@')[0]
        hosts = ','.join('%s@127.0.0.1:%d' % (user, port) for port in (dead, *proxies))
        d = self.daemon('rabbit://%s/%s' % (hosts, self.vhost)).start()
        bob = self.client('bob').watch()
        port = lambda: int(bob.get('BrokerAddress').split(':')[1])
        eventually(lambda: bob.get('State') == 'running', 15, 'running')
        first = port()
        self.assertIn(first, proxies)
        proxies[first].set(refusing=True)
        for p in proxies.values():
            p.cut()
        eventually(lambda: bob.get('State') == 'running' and port() not in (first, dead), 30, 'the other one')
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        self.assertNotIn(self.broker.password, d.text())
        self.assertEqual(d.stop(), 0)

    # checklist: 64
    def test_a_wrong_password_is_one_sentence_and_tried_ever_more_rarely(self):
        user, wrong, right = 'late-' + self.vhost, 'wr0ng-passw0rd', 'r1ght-passw0rd'
        self.broker.http('PUT', 'users/' + user, {'password': right, 'tags': ''})
        self.addCleanup(self.broker.http, 'DELETE', 'users/' + user)
        self.broker.http('PUT', 'permissions/%s/%s' % (self.vhost, user), {'configure': '.*', 'write': '.*', 'read': '.*'})
        d = self.daemon('rabbit://%s:%s@127.0.0.1:%d/%s' % (user, wrong, self.broker.port, self.vhost), groups={
            'oslo_messaging_rabbit': {'kombu_reconnect_delay': 0, 'rabbit_retry_backoff': 1}}).start()
        bob = self.client('bob').watch()
        sentence = r"login as '%s' to virtual host '%s': .*(ACCESS_REFUSED|broker closed)" % (user, self.vhost)
        eventually(lambda: re.search(sentence, bob.get('BrokerError')), what='the reason')
        self.assertRegex(d.status(), sentence)
        moments = []

        def tried():
            moment = bob.get('BrokerNextTryUSecMonotonic') / 1e6
            if moment and moment not in moments:
                moments.append(moment)
            return len(moments) >= 3
        eventually(tried, 30, 'three tries')
        waits = [b - a for a, b in zip(moments, moments[1:])]
        self.assertGreater(waits[1], waits[0])
        # a line for each of the two connections
        self.assertEqual(len(re.findall('ERROR .*is unreachable: ' + sentence, d.text())), 2)
        self.assertNotIn(wrong, d.text() + repr(d.drain()) + repr(bob.all()))
        self.broker.http('PUT', 'users/' + user, {'password': wrong, 'tags': ''})
        eventually(lambda: bob.get('State') == 'running', 40, 'running')
        self.assertEqual(d.stop(), 0)


class Database(FaultTest):
    """Each fault is brought about under a running daemon, and taken away again."""

    def begin(self, **more):
        options = {'report_interval': '1', 'periodic_interval': '0'}
        options.update(more.pop('options', {}))
        d = self.daemon(options=options, **more).start()
        self.bob = self.client('bob').watch()
        eventually(lambda: self.bob.get('ReportCount') >= 1, what='the first report')
        return d

    def lost(self, d, pattern, caller):
        self.bob.wait_change('ModelConnected', False, 20)
        d.wait_logged('ERROR nova.service .*model server went away: .*' + pattern)
        eventually(lambda: re.search('model server went away', d.status()), what='the status')
        self.assertEqual(self.bob.get('State'), 'degraded')
        # no more of it, however often it is tried
        self.assertIn('load average', caller.call('get_host_uptime')['result'])
        timer = lambda: [t[2]['Errors'][1] for t in self.bob.call(SERVICE, 'ListTimers')[0] if t[0] == 'report_state'][0]
        errors = timer()
        eventually(lambda: timer() > errors, 20, 'another report that failed')
        self.assertEqual(len(re.findall('model server went away', d.text())), 1)
        self.reads_quickly(self.bob)
        self.assertIsNone(d.process.poll())

    def recovered(self, d):
        self.bob.wait_change('ModelConnected', True, 20)
        eventually(lambda: self.bob.get('State') == 'running', 20, 'running')
        self.assertEqual(len(re.findall('ERROR nova.service .*Recovered model server connection!', d.text())), 1)
        self.assertEqual(len(re.findall('model server went away', d.text())), 1)
        self.reports_go_on(d)

    # checklist: 49
    def test_a_database_that_becomes_read_only(self):
        d = self.begin(user='nova')
        # root puts a copy there that nova may only read, as after a restore by hand
        copy = d.database() + '.copy'
        with contextlib.closing(sqlite3.connect(d.database())) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        os.chmod(copy, 0o444)
        os.chown(d.state, 0, 0)
        os.chmod(d.state, 0o755)
        for suffix in ('-wal', '-shm'):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(d.database() + suffix)
        os.rename(copy, d.database())
        self.lost(d, '(readonly|read-only|Read-only|cannot be written|Permission denied)', self.caller())
        shutil.chown(d.database(), 'nova', 'nova')
        os.chmod(d.database(), 0o644)
        os.chown(d.state, 1503, 1503)
        self.recovered(d)
        self.assertEqual(d.stop(), 0)

    # checklist: 49
    def test_a_database_without_room(self):
        folder = tempfile.mkdtemp()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', folder], check=True)
        d = self.begin(options={'sql_connection': 'sqlite:///%s/nova.sqlite' % folder})
        d.database = lambda: folder + '/nova.sqlite'
        filler = folder + '/filler'
        with open(filler, 'wb', buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(b'x' * 4096)
        self.lost(d, '(full|No space)', self.caller())
        os.unlink(filler)
        self.recovered(d)
        self.assertEqual(d.stop(), 0)

    # checklist: 49
    def test_a_database_that_somebody_locks(self):
        d = self.begin(options={'sql_connection': 'sqlite:///$state_path/nova.sqlite?timeout=0.5'})
        lock = sqlite3.connect(d.database(), isolation_level=None)
        self.addCleanup(lock.close)
        lock.execute('BEGIN EXCLUSIVE')
        self.lost(d, 'locked', self.caller())
        lock.execute('ROLLBACK')
        self.recovered(d)
        self.assertEqual(d.stop(), 0)

    def test_a_database_that_is_damaged_is_kept_aside_and_begun_anew(self):
        damage = b'this is no database any more' * 200

        def aside(d):
            return sorted(n for n in os.listdir(d.state) if re.fullmatch(r'nova\.sqlite\.corrupt-\d{8}T?\d*Z?(-\d+)?', n))
        d = self.begin()
        before = d.service_row()
        # another file comes in its place, as when a backup is restored that was none
        with open(d.database() + '.new', 'wb') as f:
            f.write(damage)
        os.rename(d.database() + '.new', d.database())
        [name] = eventually(lambda: aside(d), what='the file kept aside')
        with open(os.path.join(d.state, name), 'rb') as f:
            self.assertEqual(f.read(), damage)
        d.wait_logged(r'(ERROR|CRITICAL) .*%s' % re.escape(name))
        after = eventually(lambda: self.row(d), 20, 'a new row')
        self.assertNotEqual(after['uuid'], before['uuid'])
        eventually(lambda: self.bob.get('State') == 'running', 20, 'running')
        self.reports_go_on(d)
        self.assertEqual(d.stop(), 0)

        # and while it was away
        with open(d.database(), 'r+b') as f:
            f.write(damage)
        d.start()
        self.assertEqual(len(eventually(lambda: len(aside(d)) == 2 and aside(d), what='the second file aside')), 2)
        eventually(lambda: self.row(d), 20, 'a row')
        eventually(lambda: d.sql('SELECT * FROM compute_nodes'), 20, 'a node')
        self.assertEqual(d.stop(), 0)

    @staticmethod
    def row(d):
        """The row, if there is a database with one by now."""
        try:
            return os.path.exists(d.database()) and d.service_row()
        except sqlite3.Error:
            return None

    # checklist: 67
    def test_a_database_that_is_deleted_is_made_anew_and_stays_disabled(self):
        d = self.begin()
        alice = self.client('alice')
        alice.verb('Disable', 'spare')
        for name in os.listdir(d.state):
            if name.startswith('nova.sqlite') and not name.endswith('.lock'):
                os.unlink(os.path.join(d.state, name))
        row = eventually(lambda: self.row(d), 20, 'a new row')
        self.assertEqual((row['host'], row['disabled'], row['disabled_reason']), ('testhost', 1, 'spare'))
        eventually(lambda: self.bob.get('State') == 'running', 20, 'running')
        self.reports_go_on(d)
        self.assertEqual(d.stop(), 0)


class Hypervisor(FaultTest):

    # checklist: 61, 65
    def test_a_hypervisor_that_hangs_holds_up_nothing_else_and_is_named(self):
        d = self.daemon(options={'report_interval': '1', 'periodic_interval': '1', 'stall_timeout': '1', 'stop_timeout': '3'}).start()
        bob, caller = self.client('bob').watch(), self.caller()
        self.faults(d, '*:hang')
        hung = [caller.send('get_host_uptime') for _ in range(3)]
        eventually(lambda: any(s.startswith('get_host_uptime (') for s in bob.get('Stalled')), what='the stalled call')
        d.wait_logged(r'WARNING .*get_host_uptime has not ended after \d+\.\d s')
        eventually(lambda: 'get_host_uptime and 2 more calls have overrun their deadlines' in d.status(), what='the status')
        self.assertEqual(bob.get('State'), 'degraded')
        self.reads_quickly(bob, 100)
        self.reports_go_on(d)
        for _ in range(20):
            self.assertIsNone(caller.call('service_version', seconds=1).get('failure'))
        self.assertEqual({q: self.consumers(q) for q in QUEUES}, {q: 1 for q in QUEUES})
        self.faults(d)
        self.assertEqual(['load average' in a['result'] for i, a in caller.answers(hung).items() if i in hung], [True] * 3)
        d.wait_logged(r'INFO .*get_host_uptime has ended after \d+\.\d s')
        eventually(lambda: bob.get('Stalled') == [], what='no stalled call')
        eventually(lambda: bob.get('State') == 'running', what='running')
        # and a stop does not wait for ever
        self.faults(d, '*:hang')
        caller.send('get_host_uptime')
        eventually(lambda: bob.get('Stalled'), what='another stalled call')
        began = time.monotonic()
        self.assertEqual(d.stop(), 0)
        self.assertLess(time.monotonic() - began, 8 * SLOW)

    # checklist: 45, 79
    def test_a_hypervisor_that_is_away_at_the_start_is_waited_for(self):
        d = self.daemon(faults=['connection:fail'], options={'report_interval': '1'}).start()
        bob = self.client('bob').watch()
        self.assertRegex(d.status(), 'Degraded on host testhost: .*Connection to the hypervisor is broken')
        self.assertEqual((bob.get('State'), bob.get('HypervisorConnected', NODE), bob.get('Consumers')), ('degraded', False, 3))
        self.reports_go_on(d)
        self.assertIn('HypervisorUnavailable', json.dumps(self.caller().call('get_host_uptime')['failure']))
        self.faults(d)
        eventually(lambda: bob.get('State') == 'running', 20, 'running')
        self.assertTrue(bob.get('HypervisorConnected', NODE))
        self.assertEqual(len(d.sql('SELECT * FROM compute_nodes')), 1)
        self.assertIn('load average', self.caller().call('get_host_uptime')['result'])
        self.assertEqual(d.stop(), 0)

    def test_a_hypervisor_that_fails_is_told_to_the_caller_and_in_the_log(self):
        d = self.daemon().start()
        transport, client = rpc_client(self.url)
        self.addCleanup(transport.cleanup)
        self.faults(d, 'get_host_uptime:fail:HypervisorUnavailable')
        import oslo_messaging
        with self.assertRaises(oslo_messaging.RemoteError) as raised:
            client.call(CONTEXT, 'get_host_uptime')
        self.assertEqual(raised.exception.exc_type, 'HypervisorUnavailable')
        self.assertNotIn(d.folder, str(raised.exception))
        self.assertRegex(d.text(), 'ERROR .*get_host_uptime')
        self.faults(d)
        self.assertIn('load average', client.call(CONTEXT, 'get_host_uptime'))
        self.assertEqual(d.stop(), 0)


class Secrets(FaultTest):
    """Each secret is a text of its own, so that the one that leaks is known."""

    def setUp(self):
        super().setUp()
        self.secrets = []

    def secret(self, name):
        self.secrets.append('Zq7-%s-hunter2' % name)
        return self.secrets[-1]

    def assertNoSecret(self, text, where):
        self.assertEqual([s for s in self.secrets if s in text], [], 'in ' + where)

    # checklist: 7, 13, 62, 72
    def test_no_secret_is_told_by_log_bus_status_or_answers(self):
        self.secrets.append(self.broker.password)
        keystone = {'auth_url': 'http://127.0.0.1:1/', 'username': 'nova'}
        groups = {g: dict(keystone, password=self.secret(g)) for g in ('neutron', 'placement', 'cinder', 'service_user', 'keystone_authtoken')}
        groups['neutron']['metadata_proxy_shared_secret'] = self.secret('metadata')
        groups['libvirt'] = {'live_migration_uri': 'qemu+ssh://root:%s@%%s/system' % self.secret('live-migration')}
        groups['key_manager'] = {'fixed_key': self.secret('fixed-key')}
        groups['database'] = {'connection': 'mysql+pymysql://nova:%s@h/nova' % self.secret('cell')}
        groups['api_database'] = {'connection': 'mysql+pymysql://nova:%s@h/api' % self.secret('api')}
        groups['unheard_of'] = {'password': self.secret('unheard-of')}
        groups['oslo_messaging_notifications'] = {'driver': 'log', 'transport_url': 'rabbit://n:%s@127.0.0.1:1/' % self.secret('notify')}
        groups['oslo_messaging_rabbit'] = {'heartbeat_timeout_threshold': '2'}
        proxy = Proxy(self.broker.port)
        self.addCleanup(proxy.close)
        good = self.url.replace(':%d/' % self.broker.port, ':%d/' % proxy.port)
        bad = 'rabbit://nova:%s@127.0.0.1:%d/%s' % (self.secret('wrong'), self.broker.port, self.vhost)
        log_file = os.path.join(tempfile.mkdtemp(), 'compute.log')
        options = {'rabbit_password': self.secret('rabbit'), 'qpid_password': self.secret('qpid'), 'report_interval': '1',
                   'xenapi_connection_password': self.secret('xenapi'), 'vmwareapi_host_password': self.secret('vmware'),
                   'smbfs_mount_options': '-o password=%s' % self.secret('smb'), 'log_file': log_file, 'use_stderr': 'true',
                   'sql_connection_debug': '100', 'monkey_patch': 'true', 'notify_on_state_change': 'vm_and_task_state',
                   'monkey_patch_modules': 'nova.compute.manager:nova.notifier.api.notify_decorator'}
        d = self.daemon(bad, options=options, groups=groups)
        d.start('--neutron-password=' + self.secret('command-line'),
                environment={'OS_CINDER__PASSWORD': self.secret('environment')})
        alice, bob = self.client('alice'), self.client('bob')
        eventually(lambda: 'login as' in bob.get('BrokerError'), what='the refused login')
        d.stop()
        bob.close()
        d.configure(transport_url=good)
        d.start('--neutron-password=' + self.secrets[-2])
        alice, bob = self.client('alice'), self.client('bob')
        eventually(lambda: bob.get('State') == 'running', what='running')
        shown = []

        # requests that hold secrets: well, refused, failing, not understood
        caller = self.caller()
        secrets = {'_context_auth_token': self.secret('auth-token'), '_context_service_catalog': [{'password': self.secret('catalog')}]}
        args = {'new_pass': self.secret('new-pass'), 'admin_password': self.secret('admin-password'), 'auth_token': self.secret('token'),
                'injected_files': [['/x', self.secret('injected')]], 'block': {'connection_info': {'auth_password': self.secret('iscsi')}}}
        answers = [caller.call('get_host_uptime', args, **secrets), caller.call('set_admin_password', args, **secrets),
                   caller.call('service_config', {}, **secrets), caller.call('ping', {}, namespace='baseapi', version='1.1', **secrets),
                   caller.call('set_host_enabled', dict(args, enabled='maybe'), **secrets)]
        self.faults(d, '*:fail')
        answers.append(caller.call('get_host_uptime', args, **secrets))
        answers.append(caller.call('set_host_enabled', dict(args, enabled=False), **secrets))
        self.faults(d)
        shown.append(('answers', json.dumps(answers)))
        raw = caller.raw
        bad_messages = lambda: len(re.findall('A message in queue|Refused|was refused', d.text()))
        before = bad_messages()
        inner = json.dumps(dict(args, method='x', **secrets))
        for body in (inner[:-3], '{"oslo.version": "2.0", "oslo.message": %s}' % json.dumps(inner[:-9]), inner,
                     json.dumps({'method': 'set_admin_password', 'args': args, '_msg_id': 'e1', **secrets}),
                     json.dumps({'method': ['get_host_uptime', self.secret('odd-method')], 'args': args}),
                     json.dumps({'method': 'get_host_uptime', 'args': [self.secret('odd-args')], '_context_read_deleted': self.secret('odd-context')})):
            raw.publish(body, key='compute.testhost')
        raw.publish('{"method": "%s"' % self.secret('plain'), key='compute.testhost', content_type='text/plain')
        eventually(lambda: bad_messages() >= before + 7, what='the lines about them')

        # a lost broker, a reload that is refused and one that is not
        proxy.cut()
        eventually(lambda: d.text().count('is unreachable') >= 2, what='the loss')
        eventually(lambda: bob.get('State') == 'running', 20, 'running')
        d.configure(transport_url='rabbit://u:%s@h:port/' % self.secret('reload'), report_interval=self.secret('not-a-number'))
        self.secrets.pop()                                      # what is no secret is shown: that is how it is found
        with self.assertRaises(Error) as raised:
            alice.verb('Reload')
        shown.append(('the refusal', str(raised.exception)))
        self.assertIn('report_interval', shown[-1][1])
        d.configure(report_interval='1', rabbit_password=self.secret('next'))
        with contextlib.suppress(Error):                        # a wrong URL may be noticed now, or wait for a restart
            alice.verb('Reload')
        d.configure(transport_url=good)
        alice.verb('Reload')
        alice.verb('Disable', 'because')

        shown += [('the log', d.text()), ('what it notified', repr(d.drain())),
                  ('the bus', repr([bob.all(SERVICE), bob.all(NODE), bob.call(SERVICE, 'ListServices'), bob.call(SERVICE, 'ListTimers')]))]
        with open(log_file, encoding='utf-8') as f:
            shown.append(('the log file', f.read()))
        for arguments in (['--show-config'], ['--show-config', '--transport_url=' + bad], ['--help']):
            run = subprocess.run([BINARY, '--config-file', d.conf] + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, env=dict(os.environ, OS_CINDER__PASSWORD=self.secrets[0]), check=False)
            self.assertEqual(run.returncode, 0, run.stdout[-500:])
            shown.append((' '.join(arguments)[:14], run.stdout))
        self.assertEqual(d.stop(), 0)
        shown.append(('the log at the end', d.text()))
        for where, text in shown:
            self.assertNoSecret(text, where)
        # they were there to be told
        self.assertRegex(d.text(), r'neutron\.password : \*\*\*')
        self.assertRegex(d.text(), r'transport_url : rabbit://nova:\*\*\*@')
        self.assertIn('unheard_of.password', d.text())
        self.assertGreater(len(self.secrets), 25)


if __name__ == '__main__':
    unittest.main()
