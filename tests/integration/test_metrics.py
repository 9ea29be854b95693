"""The metrics as a client of their socket gets them, read by Prometheus' own parser of OpenMetrics: the form, and that what they say
is what has happened. The socket is passed to the daemon as systemd would."""
import os
import socket
import subprocess
import sys
import time
import unittest
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import CONTEXT, SLOW, Host, eventually  # noqa: E402
from test_compute_life import OnCloud  # noqa: E402
from prometheus_client.openmetrics.parser import text_string_to_metric_families  # noqa: E402

PASS = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); os.chmod(sys.argv[1], 0o666)
fd = os.dup(s.fileno())
os.dup2(fd, 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='metrics')
os.execv(sys.argv[2], sys.argv[2:])
"""


def curl(path, *arguments):
    done = subprocess.run(['curl', '--silent', '--show-error', '--max-time', '10', '--unix-socket', path, *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise AssertionError('curl: ' + done.stderr.decode())
    return done.stdout.decode()


def families(text):
    return {f.name: f for f in text_string_to_metric_families(text)}


class Metrics(OnCloud):
    options = {'reserved_host_memory_mb': '1024'}

    @classmethod
    def make(cls, host, driver=None, **options):
        daemon = Host(cls.url, driver=driver or cls.driver, host=host, user='nova', options=options,
                      groups={g: dict(v) for g, v in cls.groups.items()})
        cls.path = os.path.join(daemon.folder, 'metrics')
        daemon.wrapper = ['/usr/bin/python3', '-c', PASS, cls.path]
        cls.addClassCleanup(daemon.close)
        return daemon

    def scrape(self):
        return families(curl(self.path, 'http://localhost/metrics'))

    def fresh(self):
        """As the daemon is now: a text is shared for a second, and the processor time in it tells one from the next."""
        old = curl(self.path, 'http://localhost/metrics')
        return families(eventually(lambda: [t for t in [curl(self.path, 'http://localhost/metrics')] if t != old], what='a new text')[0])

    def sample(self, name, found=None, **labels):
        """The value of a sample in @found, by default what is served; 0 when there is none."""
        for family in (found or self.scrape()).values():
            for s in family.samples:
                if s.name == name and all(s.labels.get(k) == v for k, v in labels.items()):
                    return s.value
        return 0

    def until(self, name, value, **labels):
        return eventually(lambda: self.sample(name, **labels) == value, what='%s%s of %s' % (name, labels, value))

    def test_the_form_is_openmetrics(self):
        headers = curl(self.path, '--include', 'http://localhost/metrics')
        self.assertTrue(headers.startswith('HTTP/1.0 200 OK\r\n'), headers[:200])
        self.assertIn('\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n', headers)
        text = curl(self.path, 'http://localhost/metrics')
        found = families(text)          # the parser is strict: order, suffixes, units, buckets, # EOF
        for f in found.values():
            self.assertTrue(f.name.startswith(('nova_compute_', 'process_')), f.name)
            self.assertGreater(len(f.documentation), 10, f.name)
            if f.unit:
                self.assertTrue(f.name.endswith('_' + f.unit), f.name)
            self.assertLess(len(f.samples), 1000, f.name)
        for name, kind in (('nova_compute_build', 'info'), ('nova_compute_service_state', 'stateset'),
                           ('nova_compute_operations', 'counter'), ('nova_compute_operation_duration_seconds', 'histogram'),
                           ('nova_compute_driver_call_duration_seconds', 'histogram'), ('nova_compute_broker_connected', 'gauge'),
                           ('nova_compute_journal_commit_duration_seconds', 'histogram'), ('nova_compute_instances', 'gauge'),
                           ('nova_compute_memory_bytes', 'gauge'), ('process_cpu_seconds', 'counter')):
            self.assertEqual(found[name].type, kind, name)

    def test_the_bare_text_for_who_only_connects(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.shutdown(socket.SHUT_WR)
            text = b''.join(iter(lambda: s.recv(65536), b'')).decode()
        self.assertTrue(text.startswith('# TYPE '), text[:100])
        self.assertTrue(text.endswith('# EOF\n'))

    def test_the_service_and_its_broker(self):
        eventually(lambda: self.daemon.service_row()['report_count'] > 0, what='a report')
        found = self.scrape()
        [info] = found['nova_compute_build'].samples
        self.assertEqual((info.labels['host'], info.labels['binary'], info.labels['topic']), (self.host, 'nova-compute', 'compute'))
        self.until('nova_compute_service_state', 1, nova_compute_service_state='running')
        self.until('nova_compute_broker_connected', 1)
        self.until('nova_compute_broker_consumers', 3)
        self.assertEqual(self.sample('nova_compute_service_enabled'), 1)
        self.assertEqual(self.sample('nova_compute_store_connected'), 1)
        self.assertGreaterEqual(self.sample('nova_compute_report_duration_seconds_count'), 1)
        self.assertLess(abs(time.time() - self.sample('nova_compute_last_report_timestamp_seconds')), 60 * SLOW)
        began = self.sample('process_start_time_seconds')
        self.assertTrue(0 < time.time() - began < 300 * SLOW, began)
        self.assertGreater(self.sample('process_resident_memory_bytes'), 1000000)
        self.assertGreater(self.sample('process_open_fds'), 5)

    def test_requests_are_counted_by_method_and_result(self):
        found = self.fresh()
        before = self.sample('nova_compute_operations_total', found, method='ping', result='done')
        received, bad = (self.sample('nova_compute_broker_messages_%s_total' % k, found) for k in ('received', 'bad'))
        client = self.client(version='1.0', namespace='baseapi')
        for n in range(20):
            client.call(CONTEXT, 'ping', arg=n)
        raw = self.connect()
        raw.publish('this is no request')
        raw.ping()
        self.until('nova_compute_operations_total', before + 21, method='ping', result='done')
        self.until('nova_compute_broker_messages_bad_total', bad + 1)
        self.until('nova_compute_broker_messages_received_total', received + 22)
        self.assertGreaterEqual(self.sample('nova_compute_operation_duration_seconds_count', method='ping'), 21)
        self.assertGreaterEqual(self.sample('nova_compute_broker_confirm_duration_seconds_count'), 21)
        self.assertGreaterEqual(self.sample('nova_compute_broker_messages_sent_total'), 21)
        # names that anybody may send are not labels
        with self.assertRaises(Exception):
            client.call(CONTEXT, 'no_such_' + uuid.uuid4().hex)
        self.assertNotIn('no_such', curl(self.path, 'http://localhost/'))

    def test_a_guest_in_calls_states_and_resources(self):
        c = self.cloud
        found = self.fresh()
        spawned = self.sample('nova_compute_driver_call_duration_seconds_count', found, function='spawn')
        built = self.sample('nova_compute_operations_total', found, method='build_and_run_instance', result='done')
        failed = self.sample('nova_compute_driver_call_failures_total', found, function='power_off')
        guest = c.build()
        c.wait(guest, 'active')
        self.until('nova_compute_instances', 1, vm_state='active')
        self.until('nova_compute_driver_call_duration_seconds_count', spawned + 1, function='spawn')
        self.until('nova_compute_operations_total', built + 1, method='build_and_run_instance', result='done')
        self.until('nova_compute_vcpus_used', 1)
        self.assertEqual(self.sample('nova_compute_vcpus'), 64)
        self.assertEqual(self.sample('nova_compute_memory_bytes'), 65536 * 1024 ** 2)
        self.until('nova_compute_memory_used_bytes', (1024 + 64) * 1024 ** 2)
        self.assertEqual(self.sample('nova_compute_disk_bytes'), 4000 * 1024 ** 3)
        self.assertGreaterEqual(self.sample('nova_compute_journal_commit_duration_seconds_count'), 2)
        self.assertEqual(self.sample('nova_compute_journal_writable'), 1)

        # the caller's mistake is no failure of the host; a driver's is
        self.daemon.fault('power_off:fail')
        c.stop(guest)
        self.until('nova_compute_driver_call_failures_total', failed + 1, function='power_off')
        self.until('nova_compute_operations_total', 1, method='stop_instance', result='failed')
        self.daemon.fault()
        c.terminate(guest)
        c.wait_gone(guest)
        self.until('nova_compute_instances', 0, vm_state='active')
        self.until('nova_compute_vcpus_used', 0)

    def test_a_hypervisor_that_hangs_does_not_hold_up_the_metrics(self):
        guest = self.cloud.build()
        self.cloud.wait(guest, 'active')
        self.daemon.fault('power_off:hang', 'get_info:hang', 'get_available_resource:hang', 'list_guest_states:hang')
        self.cloud.stop(guest)
        self.until('nova_compute_driver_calls_running', 1)
        self.until('nova_compute_operations_running', 1)
        self.assertEqual(self.sample('nova_compute_jobs_running', kind='state'), 1)
        times = []
        for _ in range(50):
            began = time.monotonic()
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.path)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            times.append(time.monotonic() - began)
        self.assertLess(sorted(times)[47], 0.010 * max(SLOW, 3))
        self.daemon.fault()
        self.cloud.wait(guest, 'stopped')
        self.until('nova_compute_driver_calls_running', 0)
        self.cloud.terminate(guest)
        self.cloud.wait_gone(guest)

    def test_a_flood_of_the_socket_leaves_the_bus_quick(self):
        """Another local user asks without end, and half of the time reads nothing."""
        flood = subprocess.Popen(['setpriv', '--reuid', 'bob', '--regid', 'bob', '--init-groups', '/usr/bin/python3', '-c', '''
import socket, sys
held = []
for n in range(10 ** 9):
    if n == 100:
        print("floods", flush=True)
    s = socket.socket(socket.AF_UNIX); s.settimeout(0.01)
    try:
        s.connect(sys.argv[1]); s.send(b"GET / HTTP/1.0\\r\\n\\r\\n"); s.recv(65536)
    except OSError:
        pass
    held = held[-20:] + [s]
''', self.path], stdout=subprocess.PIPE)
        try:
            self.assertEqual(flood.stdout.readline(), b'floods\n')
            bus, times = self.bus('alice'), []
            for _ in range(300):
                began = time.monotonic()
                bus.get('State')
                times.append(time.monotonic() - began)
            self.assertIsNone(flood.poll())
            self.assertLess(sorted(times)[296], 0.010 * max(SLOW, 3))
        finally:
            flood.kill()
            flood.communicate()


if __name__ == '__main__':
    unittest.main()
