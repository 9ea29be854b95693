"""Images from web servers that cut, stall, lie, redirect and change their mind: src/image against a private HTTP(S) server."""
import hashlib
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from novatest import BUILD, SLOW, sanitizer_environment  # noqa: E402

PROGRAM = os.path.join(BUILD, 'tests', 'integration', 'image-fetch')
CONTENT = b''.join(hashlib.sha256(b'%d' % n).digest() for n in range(40000)) + bytes(300000)      # 1.5 MB, zeros at its end
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Each path misbehaves in its own way; server.plan[path] is a list of what is done with one request after another."""
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        seen = self.server.seen.setdefault(self.path, [])
        plan = self.server.plan.get(self.path, [])
        seen.append({'range': self.headers.get('Range'), 'if_range': self.headers.get('If-Range'), 'method': self.command})
        step = plan[min(len(seen), len(plan)) - 1] if plan else {'status': 404}
        self.close_connection = True
        status, body = step.get('status', 200), step.get('body', CONTENT)
        start = 0
        etag = step.get('etag')
        if status == 200 and self.headers.get('Range') and step.get('ranges', True):
            start = int(self.headers['Range'].split('=')[1].rstrip('-'))
            if self.headers.get('If-Range') in (None, etag):
                status = 206
                if start >= len(body):
                    status = 416
            else:
                start = 0
        self.send_response(status)
        if etag:
            self.send_header('ETag', etag)
        if 'location' in step:
            self.send_header('Location', step['location'])
        if status == 206:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (start, len(body) - 1, step.get('total', len(body))))
        length = step.get('length', len(body) - start)
        if length is not None and status in (200, 206):
            self.send_header('Content-Length', str(length))
        elif status not in (204, 304):
            self.send_header('Connection', 'close')
        self.end_headers()
        if self.command == 'HEAD' or status not in (200, 206):
            if step.get('flood'):
                self.flood()
            return
        end = step.get('cut', len(body))
        try:
            self.wfile.write(body[start:max(start, end)])
            self.wfile.flush()
            if step.get('stall'):
                self.server.released.wait(60 * SLOW)
            if step.get('flood'):
                self.flood()
        except OSError:
            pass
        if 'cut' in step:
            self.connection.shutdown(socket.SHUT_RDWR)

    def flood(self):
        """Bytes until nobody takes them; the server counts."""
        try:
            while self.server.flooded < 1 << 30:
                self.wfile.write(bytes(65536))
                self.server.flooded += 65536
        except OSError:
            pass


class Server:
    def __init__(self, context=None):
        self.http = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.http.daemon_threads = True
        self.http.plan, self.http.seen, self.http.flooded, self.http.released = {}, {}, 0, threading.Event()
        if context:
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.scheme = 'https' if context else 'http'
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def url(self, path, host='localhost'):
        return '%s://%s:%d%s' % (self.scheme, host, self.port, path)

    def close(self):
        self.http.released.set()
        self.http.shutdown()
        self.http.server_close()


class ImageHttp(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.tls = tempfile.mkdtemp(prefix='nova-image-tls.')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem',
                        '-out', 'cert.pem', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
                       cwd=cls.tls, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.tls)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='nova-image.')
        self.addCleanup(shutil.rmtree, self.folder)
        os.mkdir(os.path.join(self.folder, 'images'))
        self.server = Server()
        self.addCleanup(self.server.close)
        self.options = {'http_urls': 'http,https', 'http_retries': '3', 'http_stall_timeout': '1'}
        self.file = os.path.join(self.folder, 'file')

    def plan(self, path, *steps):
        self.server.http.plan[path] = list(steps)
        return self.server.url(path)

    def seen(self, path):
        return self.server.http.seen.get(path, [])

    def run_tool(self, image, file=None, **environment):
        settings = ['image.directory=' + os.path.join(self.folder, 'images')]
        settings += ['image.%s=%s' % pair for pair in self.options.items()]
        done = subprocess.run([PROGRAM, image, file or self.file] + settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOW,
                              check=True, env=dict(os.environ, **sanitizer_environment(PROGRAM), **environment))
        return json.loads(done.stdout)

    def fetched(self, image):
        answer = self.run_tool(image)
        self.assertNotIn('class', answer, answer)
        with open(self.file, 'rb') as f:
            self.assertEqual(hashlib.sha256(f.read()).hexdigest(), SHA256)
        self.assertEqual(answer['size'], len(CONTENT))
        return answer

    def refused(self, image, name, words, file=None):
        answer = self.run_tool(image, file)
        self.assertEqual(answer.get('class'), name, answer)
        self.assertIn(words, answer['message'])

    def sidecar(self, image, **what):
        with open(os.path.join(self.folder, 'images', image + '.json'), 'w', encoding='utf-8') as f:
            json.dump(what, f)

    def test_an_image_comes_whole(self):
        url = self.plan('/dir/debian.qcow2', {})
        answer = self.fetched(url)
        self.assertEqual(answer['name'], 'debian.qcow2')
        self.assertLess(os.stat(self.file).st_blocks * 512, len(CONTENT) - 200000)    # its zeros are a hole

    def test_it_is_shown_by_what_the_server_says(self):
        answer = self.run_tool(self.plan('/x', {}), '-')
        self.assertEqual((answer['size'], answer['name'], answer['status']), (len(CONTENT), 'x', 'active'))
        self.assertEqual([r['method'] for r in self.seen('/x')], ['HEAD'])
        self.refused(self.server.url('/missing'), 'ImageNotFound', '/missing could not be found.', '-')

    def test_without_a_length_it_comes_too(self):
        self.fetched(self.plan('/x', {'length': None}))

    def test_a_broken_transfer_goes_on_where_it_broke(self):
        url = self.plan('/x', {'cut': 400000, 'etag': '"a"'}, {'cut': 900000, 'etag': '"a"'}, {'etag': '"a"'})
        self.fetched(url)
        ranges = [r['range'] for r in self.seen('/x')]
        self.assertEqual(len(ranges), 3)
        self.assertIsNone(ranges[0])
        for header in ranges[1:]:
            self.assertGreater(int(header[len('bytes='):-1]), 0)
        self.assertEqual(self.seen('/x')[1]['if_range'], '"a"')

    def test_a_server_without_ranges_sends_it_all_again(self):
        self.fetched(self.plan('/x', {'cut': 400000, 'etag': '"a"'}, {'etag': '"a"', 'ranges': False}))
        self.fetched(self.plan('/y', {'cut': 400000}, {'ranges': False}))

    def test_an_image_that_changed_meanwhile_is_fetched_anew(self):
        other = bytes(reversed(CONTENT))
        self.fetched(self.plan('/x', {'cut': 400000, 'etag': '"a"', 'body': other}, {'etag': '"b"'}))
        self.fetched(self.plan('/y', {'cut': 400000, 'body': other + b'x'}, {'total': len(CONTENT)}, {}))
        self.fetched(self.plan('/z', {'cut': 1000, 'body': other[:5000]}, {'status': 416}, {}))

    def test_a_stalled_transfer_is_broken_and_goes_on(self):
        self.options['http_stall_timeout'] = '2'
        self.fetched(self.plan('/x', {'cut': 400000, 'stall': True, 'etag': '"a"'}, {'etag': '"a"'}))

    def test_after_so_many_tries_it_fails(self):
        self.options['http_retries'] = '2'
        self.refused(self.plan('/x', {'cut': 10}), 'CouldNotFetchImage', 'after 3 tries')
        self.assertEqual(len(self.seen('/x')), 3)

    def test_a_server_that_is_busy_is_asked_again(self):
        self.fetched(self.plan('/x', {'status': 503}, {'status': 429}, {}))
        self.options['http_retries'] = '1'
        self.refused(self.plan('/y', {'status': 500}), 'CouldNotFetchImage', 'the server answered with status 500, after 2 tries')

    def test_answers_have_novas_words(self):
        for status, name, words in ((404, 'ImageNotFound', 'could not be found.'), (410, 'ImageNotFound', 'could not be found.'),
                                    (403, 'ImageNotAuthorized', 'Not authorized for image '), (401, 'ImageNotAuthorized', 'Not authorized'),
                                    (204, 'ImageUnacceptable', 'it has no data'), (400, 'CouldNotFetchImage', 'answered with status 400')):
            path = '/%d' % status
            self.refused(self.plan(path, {'status': status}), name, words)
            self.assertEqual(len(self.seen(path)), 1, status)
        self.refused(self.plan('/empty', {'body': b''}), 'ImageUnacceptable', 'it has no data')
        self.refused('http://localhost:1/x', 'CouldNotFetchImage', 'onnect')

    def test_lies_about_the_size_are_found(self):
        self.options['http_retries'] = '1'
        self.refused(self.plan('/short', {'length': len(CONTENT) + 1}), 'CouldNotFetchImage', 'after 2 tries')
        self.sidecar('larger', url=self.plan('/a', {}), size=len(CONTENT) - 1)
        self.refused('larger', 'ImageUnacceptable', 'the server says that it has %d bytes, and it should have %d' % (len(CONTENT), len(CONTENT) - 1))
        self.sidecar('unsaid', url=self.plan('/b', {'length': None}), size=len(CONTENT) - 1)
        self.refused('unsaid', 'ImageUnacceptable', 'it is larger than the %d bytes it is said to have' % (len(CONTENT) - 1))
        self.sidecar('right', url=self.plan('/c', {}), size=len(CONTENT), name='Debian', min_disk=3)
        self.assertEqual(self.fetched('right')['min_disk'], 3)

    def test_no_more_is_taken_than_is_allowed(self):
        self.options['max_size_gb'] = '1'
        self.refused(self.plan('/said', {'length': 1 << 40, 'flood': True}), 'ImageUnacceptable', 'at most 1073741824 are taken')
        self.assertLess(self.server.http.flooded, 64 << 20)
        self.sidecar('little', url=self.plan('/flood', {'length': None, 'flood': True, 'body': b''}), size=5 << 20)
        self.refused('little', 'ImageUnacceptable', 'it is larger than the %d bytes' % (5 << 20))
        self.server.http.flooded = 0
        self.refused(self.plan('/error', {'status': 404, 'flood': True}), 'ImageNotFound', '')
        self.assertLess(self.server.http.flooded, 64 << 20)

    def test_memory_does_not_grow_with_the_image(self):
        small = self.fetched(self.plan('/x', {}))['peak_kib']
        big = self.run_tool(self.plan('/big', {'body': bytes(256 << 20)}))
        self.assertEqual(big['size'], 256 << 20)
        if 'asan' not in BUILD:
            self.assertLess(big['peak_kib'] - small, 32 << 10)

    def test_progress_is_told(self):
        answer = self.run_tool(self.plan('/x', {'cut': 400000, 'etag': '"a"'}, {'etag': '"a"'}))
        self.assertGreaterEqual(answer['progress'].pop('times'), 2)
        self.assertEqual(answer['progress'], {'done': len(CONTENT), 'total': len(CONTENT), 'backwards': False})

    def test_it_can_be_cancelled_while_the_server_is_silent(self):
        self.options['http_stall_timeout'] = '3600'
        began = time.monotonic()
        answer = self.run_tool(self.plan('/x', {'cut': 400000, 'stall': True}), IMAGE_FETCH_CANCEL='40')
        self.assertIn('Operation canceled', answer['message'])
        self.assertLess(time.monotonic() - began, 50 * SLOW)

    def test_checksums_are_verified(self):
        url = self.plan('/x', {})
        self.fetched(url + '#sha256=' + SHA256)
        self.fetched(url + '#md5=' + hashlib.md5(CONTENT).hexdigest().upper())
        self.refused(url + '#sha256=' + '0' * 64, 'ImageUnacceptable', 'its sha256 is %s and should be 000' % SHA256)
        self.refused(url + '#sha1=xyz', 'ImageUnacceptable', 'is no checksum')
        self.refused(url + '#top', 'ImageUnacceptable', 'is no checksum')
        self.sidecar('web', url=url, os_hash_algo='sha512', os_hash_value=hashlib.sha512(CONTENT).hexdigest())
        self.fetched('web')
        self.sidecar('web', url=url, checksum='0' * 32)
        self.refused('web', 'ImageUnacceptable', 'its checksum is ')

    def test_redirects_are_followed_so_far(self):
        self.fetched(self.plan('/from', {'status': 302, 'location': self.plan('/to', {})}))
        self.options['http_redirects'] = '3'
        self.refused(self.plan('/circle', {'status': 302, 'location': self.server.url('/circle')}), 'CouldNotFetchImage', 'redirects')
        self.assertEqual(len(self.seen('/circle')), 4)
        for target in ('file:///etc/passwd', 'ftp://localhost/x', 'gopher://localhost/x'):
            self.refused(self.plan('/elsewhere', {'status': 302, 'location': target}), 'CouldNotFetchImage', 'rotocol')

    def test_only_what_is_allowed_is_fetched(self):
        url = self.plan('/images/x', {})
        self.plan('/secret', {})
        base = self.server.url('')
        self.options['http_urls'] = '%s/images/,https://other.example/' % base
        self.fetched(url)
        for wrong in (base + '/secret', base + '/images/../secret', base + '/images/%2e%2e/secret', base + '/images/%2E%2e%2Fsecret', base + '/imagesx/x',
                      self.server.url('/images/x', '127.0.0.1'), 'http://localhost:1/images/x', 'https://localhost:%d/images/x' % self.server.port,
                      'http://user:secret@localhost:%d/images/x' % self.server.port, 'http://', 'http://[', 'http://localhost:99999/images/x',
                      'https://other.example.evil/x', 'https://other.example@localhost:%d/x' % self.server.port, 'http://local host/images/x'):
            self.refused(wrong, 'ImageNotFound', 'could not be found.')
        self.assertEqual(self.seen('/secret'), [])
        del self.options['http_urls']
        self.refused(url, 'ImageNotFound', 'could not be found.')
        self.sidecar('trusted', url=url)
        self.fetched('trusted')                        # the operator wrote that
        self.sidecar('odd', url='file:///etc/passwd')
        self.refused('odd', 'ImageUnacceptable', 'which is no http or https URL')

    def test_certificates_are_verified(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.tls, 'cert.pem'), os.path.join(self.tls, 'key.pem'))
        secure = Server(context)
        self.addCleanup(secure.close)
        secure.http.plan['/x'] = [{}]
        secure.http.plan['/down'] = [{'status': 302, 'location': self.plan('/x', {})}]
        self.refused(secure.url('/x'), 'CouldNotFetchImage', 'certificate')
        self.options['http_ca_file'] = os.path.join(self.tls, 'cert.pem')
        self.fetched(secure.url('/x'))
        self.refused(secure.url('/x', '127.0.0.1'), 'CouldNotFetchImage', '127.0.0.1')          # it is not that one's
        self.refused(secure.url('/down'), 'CouldNotFetchImage', 'rotocol')                        # https does not lead to http

    def test_a_slow_server_does_not_keep_us(self):
        self.options['http_retries'] = '0'
        began = time.monotonic()
        self.refused(self.plan('/x', {'cut': 10, 'stall': True}), 'CouldNotFetchImage', 'after 1 tries')
        self.assertLess(time.monotonic() - began, 20 * SLOW)


if __name__ == '__main__':
    unittest.main()
