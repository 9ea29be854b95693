"""The daemon on the wire, message by message: the un-enveloped format of Essex, the shapes of what it sends, input that is
wrong or means ill, and a broker that closes, deletes and refuses. After each the consumer must still be there."""
import gzip
import json
import os
import re
import sys
import threading
import time
import unittest
import uuid
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from wireclient import (DROP, NODE, PROPERTIES, SLOW, OnHost, Raw, enveloped, eventually, failure, opened,  # noqa: E402
                        quoted)

HOOKS = {'monkey_patch': 'true', 'monkey_patch_modules': 'nova.compute.manager:nova.notifier.api.notify_decorator'}
HEX = re.compile('^[0-9a-f]{32}$')
ENDING = {'result': None, 'failure': None, 'ending': True}


def bodies(messages):
    return [json.loads(m.body) for m in messages]


class Essex(OnHost):
    """A client of 2012: bare JSON, a queue and an exchange per call, no versions."""
    options = dict(HOOKS, notification_driver='messagingv2', rpc_ping_enabled='true')

    # checklist: 62, 63
    def test_a_call_is_answered_with_its_value_and_then_the_ending(self):
        raw = self.connect()
        value, ending = raw.essex_call('service_version', {})
        self.assertEqual(json.loads(value.body), {'result': self.bus().get('Version'), 'failure': None})
        self.assertEqual(json.loads(ending.body), ENDING)

    # checklist: 62, 63
    def test_a_value_of_null_is_sent_too(self):
        self.assertEqual(bodies(self.connect().essex_call('refresh_provider_fw_rules')), [{'result': None, 'failure': None}, ENDING])

    # checklist: 63
    def test_answers_have_the_properties_and_the_route_of_their_time(self):
        for message in self.connect().essex_call('service_version', {}):
            self.assertEqual(message.properties, PROPERTIES)
            self.assertNotIn('oslo.version', json.loads(message.body))

    # checklist: 62
    def test_the_host_methods_answer_by_their_names(self):
        raw = self.connect()
        for method, args, expected in (
                ('host_power_action', {'host': 'testhost', 'action': 'reboot'}, 'reboot'),
                ('host_maintenance_mode', {'host': 'testhost', 'mode': True}, 'on_maintenance'),
                ('host_maintenance_mode', {'host': 'testhost', 'mode': False}, 'off_maintenance'),
                ('set_host_enabled', {'host': 'testhost', 'enabled': False}, 'disabled'),
                ('set_host_enabled', {'host': 'testhost', 'enabled': True}, 'enabled'),
                ('update_available_resource', {}, None),
                ('publish_service_capabilities', {}, None),
                ('refresh_security_group_rules', {'security_group_id': 1}, None),
                ('refresh_security_group_members', {'security_group_id': 1}, None),
                ('refresh_provider_fw_rules', {}, None)):
            with self.subTest(method):
                self.assertEqual(bodies(raw.essex_call(method, args)), [{'result': expected, 'failure': None}, ENDING])
        self.assertIn('load average', bodies(raw.essex_call('get_host_uptime'))[0]['result'])

    # checklist: 62, 63
    def test_a_failure_is_class_text_and_traceback_and_nothing_follows(self):
        self.daemon.fault('get_host_uptime:fail:InstanceNotFound')
        self.addCleanup(self.daemon.fault)
        raw = self.connect()
        answers = raw.essex_call('get_host_uptime')
        raw.ping()
        self.assertEqual(len(answers), 1)
        reply = json.loads(answers[0].body)
        self.assertEqual(set(reply), {'result', 'failure'})
        self.assertIsNone(reply['result'])
        name, text, traceback = reply['failure']
        self.assertEqual(name, 'InstanceNotFound')
        self.assertTrue(text)
        self.assertEqual(traceback[0], 'Traceback (most recent call last):\n')
        self.assertNotRegex(''.join(traceback), r'\.c\b|src/')

    # checklist: 62, 63
    def test_an_unknown_method_is_an_attribute_error(self):
        for method in ('no_such_method', '_publish_service_capabilities', '__init__', 'init_host', 'driver', 'periodic_tasks'):
            with self.subTest(method):
                [reply] = bodies(self.connect().essex_call(method, {}))
                self.assertEqual(reply['failure'][:2],
                                 ['AttributeError', "'ComputeManager' object has no attribute '%s'" % method])

    # checklist: 62, 63
    def test_missing_and_wrong_arguments_are_a_type_error(self):
        raw = self.connect()
        for args, text in (({}, "missing the argument 'action'"), ({'action': 7}, "argument 'action'"), ({'action': None}, "'action'")):
            with self.subTest(args=args):
                [reply] = bodies(raw.essex_call('host_power_action', args))
                self.assertEqual(reply['failure'][0], 'TypeError')
                self.assertIn('host_power_action()', reply['failure'][1])
                self.assertIn(text, reply['failure'][1])

    # checklist: 62
    def test_a_message_without_a_method_is_answered_with_a_failure_that_ends(self):
        [reply] = bodies(self.connect().essex_call())
        self.assertIsNotNone(reply['failure'])
        self.assertIn('method', reply['failure'][1])

    def test_args_may_be_absent_and_unknown_ones_do_no_harm(self):
        raw = self.connect()
        self.assertEqual(len(raw.essex_call('service_version')), 2)
        self.assertEqual(len(raw.essex_call('service_version', {'of_later_times': {'a': [1]}})), 2)

    # checklist: 62
    def test_a_bare_message_needs_no_version_and_an_envelope_does(self):
        raw = self.connect()
        self.assertEqual(len(raw.essex_call('get_host_uptime')), 2)
        reply = raw.oslo_call('get_host_uptime', version=DROP)
        self.assertEqual(failure(reply)['class'], 'NoSuchMethod')       # 1.0, which is served for the ping of the server alone

    def test_a_bare_call_with_a_reply_queue_is_answered_there_and_bare(self):
        """What was sent between Essex and the envelope."""
        raw = self.connect()
        queue = 'reply_' + uuid.uuid4().hex
        raw.listen(queue)
        raw.publish(raw.essex('service_version', {}, 'm1', _reply_q=queue, _unique_id=uuid.uuid4().hex))
        reply = json.loads(raw.wait(queue, 1)[0].body)
        self.assertEqual(reply['_msg_id'], 'm1')
        self.assertTrue(reply['ending'])
        self.assertIsNotNone(reply['result'])

    # checklist: 14, 57, 58, 59, 62
    def test_casts_reach_it_by_topic_by_host_and_by_fanout(self):
        raw = self.connect()
        raw.listen('notifications.info', exchange='nova', auto_delete=False, kind='topic', exchange_auto_delete=False)
        before = self.bus().get('Requests')
        for exchange, key in (('nova', 'compute'), ('nova', 'compute.testhost'), ('compute_fanout', '')):
            mark = 'req-' + uuid.uuid4().hex
            raw.publish(raw.essex('set_host_enabled', {'enabled': True}, _context_request_id=mark), exchange=exchange, key=key)
            [seen] = [opened(m) for m in raw.wait('notifications.info', lambda got, m=mark: any(m in g.body for g in got))
                      if mark in m.body]
            self.assertEqual(seen['event_type'], 'nova.compute.manager.ComputeManager.set_host_enabled')
            self.assertEqual(seen['payload'], {'args': [], 'kwarg': {'enabled': True}})
        eventually(lambda: self.bus().get('Requests') >= before + 3, what='three requests')

    # checklist: 54, 59
    def test_a_fanout_cast_has_its_effect(self):
        bus, raw = self.bus(), self.connect()
        before = bus.get('UpdatedUSec', NODE)
        raw.publish(raw.essex('update_available_resource', {}), exchange='compute_fanout', key='')
        eventually(lambda: bus.get('UpdatedUSec', NODE) > before, what='the update')

    def test_a_failed_cast_is_told_to_nobody_and_costs_a_line(self):
        raw = self.connect()
        since = len(self.daemon.text())
        raw.publish(raw.essex('no_such_method', {}))
        raw.ping()
        [line] = self.daemon.lines(since)
        self.assertIn('no_such_method', line)

    # checklist: 63
    def test_a_reply_to_a_caller_who_is_gone_makes_no_exchange(self):
        raw = self.connect()
        msg_id = uuid.uuid4().hex
        raw.publish(raw.essex('service_version', {}, msg_id))
        raw.ping()
        self.assertNotIn(msg_id, [x['name'] for x in self.broker.http('GET', 'exchanges/' + self.vhost)])
        self.assertNotIn(msg_id, self.broker.queues(self.vhost))

    def test_a_call_sent_twice_is_run_once(self):
        """Essex has no _unique_id; a call has an id of its own all the same."""
        raw = self.connect()
        before = self.bus().get('Requests')
        msg_id = uuid.uuid4().hex
        raw.listen(msg_id, exchange=msg_id)
        for _ in range(3):
            raw.publish(raw.essex('service_version', {}, msg_id))
        raw.ping()
        self.assertEqual(len(raw.wait(msg_id, 2)), 2)
        self.assertEqual(self.bus().get('Requests'), before + 2)        # and the ping


class Shapes(OnHost):
    """What it sends today's peers, member by member."""
    options = dict(HOOKS, notification_driver='messagingv2', publish_service_capabilities='true', periodic_interval='1')

    # checklist: 63
    def test_a_reply_is_json_in_json_with_these_members(self):
        raw = self.connect()
        request = raw.request('ping', {'arg': 'ünïcödé \U0001f600 "\\'}, namespace='baseapi', version='1.0')
        raw.ask(request)
        message = raw.got[raw.replies][-1]
        self.assertEqual(message.properties, PROPERTIES)
        self.assertEqual((message.delivery_info['exchange'], message.delivery_info['routing_key']), ('', raw.replies))
        outer = json.loads(message.body)
        self.assertEqual(list(outer), ['oslo.version', 'oslo.message'])
        self.assertEqual(outer['oslo.version'], '2.0')
        self.assertIsInstance(outer['oslo.message'], str)
        inner = json.loads(outer['oslo.message'])
        self.assertEqual(list(inner), ['result', 'failure', 'ending', '_msg_id', '_unique_id'])
        self.assertEqual(inner['result'], {'service': 'compute', 'arg': 'ünïcödé \U0001f600 "\\'})
        self.assertEqual((inner['failure'], inner['ending'], inner['_msg_id']), (None, True, request['_msg_id']))
        self.assertRegex(inner['_unique_id'], HEX)
        self.assertNotEqual(inner['_unique_id'], request['_unique_id'])

    # checklist: 63
    def test_a_failure_is_json_in_a_string_in_the_reply(self):
        raw = self.connect()
        reply = raw.oslo_call('no_such_method')
        self.assertEqual((reply['result'], reply['ending']), (None, True))
        text = 'Endpoint does not support RPC method no_such_method'
        self.assertEqual(failure(reply), {
            'class': 'NoSuchMethod', 'module': 'oslo_messaging.rpc.dispatcher', 'message': text,
            'tb': ['Traceback (most recent call last):\n', 'oslo_messaging.rpc.dispatcher.NoSuchMethod: %s\n' % text],
            'args': [text], 'kwargs': {}})

    # checklist: 63
    def test_an_exception_of_nova_brings_its_code_and_arguments(self):
        self.daemon.fault('get_host_uptime:fail:InstanceNotFound')
        self.addCleanup(self.daemon.fault)
        got = failure(self.connect().oslo_call('get_host_uptime'))
        self.assertEqual(list(got), ['class', 'module', 'message', 'tb', 'args', 'kwargs'])
        self.assertEqual((got['class'], got['module']), ('InstanceNotFound', 'nova.exception'))
        self.assertEqual(got['args'], [got['message']])
        self.assertEqual(got['kwargs']['code'], 404)
        self.assertTrue(got['tb'])

    # checklist: 63
    def test_a_sign_of_life_is_a_reply_that_does_not_end(self):
        self.daemon.fault('get_host_uptime:slow:2')
        self.addCleanup(self.daemon.fault)
        raw = self.connect()
        request = raw.request('get_host_uptime', _timeout=1)
        raw.ask(request)
        mine = [m for m in raw.got[raw.replies] if opened(m)['_msg_id'] == request['_msg_id']]
        self.assertGreaterEqual(len(mine), 3)
        for message in mine[:-1]:
            self.assertEqual(message.properties, PROPERTIES)
            sign = opened(message)
            self.assertEqual((sign['result'], sign['failure'], sign['ending']), (None, None, False))
            self.assertRegex(sign['_unique_id'], HEX)
        self.assertEqual(len({opened(m)['_unique_id'] for m in mine}), len(mine))

    def test_a_call_that_does_not_ask_for_signs_of_life_gets_none(self):
        self.daemon.fault('get_host_uptime:slow:1')
        self.addCleanup(self.daemon.fault)
        raw = self.connect()
        for timeout in (None, DROP, 'soon', 0, -3, 1e300):
            raw.publish(enveloped(raw.request('get_host_uptime', _timeout=timeout)))
        raw.wait(raw.replies, 6)
        self.assertEqual([opened(m)['ending'] for m in raw.got[raw.replies]], [True] * 6)

    # checklist: 14, 63
    def test_a_notification_is_enveloped_and_waits_in_a_queue_of_its_name(self):
        raw = self.connect()
        mark = 'req-' + uuid.uuid4().hex
        raw.publish(enveloped(raw.request('host_power_action', {'action': 'reboot'}, call=False, _context_request_id=mark,
                                          _context_auth_token='s3cret-token', _context_service_catalog=[{'type': 'image'}])))
        eventually(lambda: 'notifications.info' in self.broker.queues(self.vhost), what='the queue')
        raw.listen('notifications.info', auto_delete=False)
        [message] = [m for m in raw.wait('notifications.info', lambda got: any(mark in m.body for m in got)) if mark in m.body]
        self.assertEqual(message.properties, PROPERTIES)
        self.assertEqual((message.delivery_info['exchange'], message.delivery_info['routing_key']), ('nova', 'notifications.info'))
        inner = opened(message)
        self.assertEqual({k for k in inner if not k.startswith('_')},
                         {'message_id', 'publisher_id', 'event_type', 'priority', 'payload', 'timestamp'})
        self.assertEqual((inner['publisher_id'], inner['event_type'], inner['priority']),
                         ('testhost', 'nova.compute.manager.ComputeManager.host_power_action', 'INFO'))
        self.assertEqual(inner['payload'], {'args': [], 'kwarg': {'action': 'reboot'}})
        self.assertEqual(str(uuid.UUID(inner['message_id'])), inner['message_id'])
        self.assertRegex(inner['timestamp'], r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$')
        self.assertRegex(inner['_unique_id'], HEX)
        self.assertEqual(inner['_context_request_id'], mark)
        self.assertNotIn('s3cret-token', message.body)
        self.assertNotIn('_context_service_catalog', inner)

    # checklist: 35, 50, 63
    def test_capabilities_go_to_the_schedulers_fanout_in_the_format_of_their_time(self):
        raw = self.connect()
        raw.listen('a-scheduler', exchange='scheduler_fanout', key='scheduler', kind='fanout')
        message = raw.wait('a-scheduler', 1)[0]
        self.assertEqual(message.properties, PROPERTIES)
        self.assertEqual((message.delivery_info['exchange'], message.delivery_info['routing_key']), ('scheduler_fanout', ''))
        cast = json.loads(message.body)
        self.assertEqual(set(cast), {'method', 'args'} | {'_context_' + k for k in (
            'user_id', 'project_id', 'is_admin', 'read_deleted', 'roles', 'remote_address', 'timestamp', 'request_id', 'auth_token')})
        self.assertEqual(cast['method'], 'update_service_capabilities')
        self.assertEqual((cast['args']['service_name'], cast['args']['host']), ('compute', 'testhost'))
        self.assertEqual(set(cast['args']), {'service_name', 'host', 'capabilities'})
        self.assertEqual(set(cast['args']['capabilities']), {
            'vcpus', 'vcpus_used', 'cpu_info', 'disk_total', 'disk_used', 'disk_available', 'host_memory_total', 'host_memory_free',
            'hypervisor_type', 'hypervisor_version'})
        self.assertEqual({k: cast['_context_' + k] for k in ('user_id', 'project_id', 'is_admin', 'read_deleted', 'roles', 'auth_token')},
                         {'user_id': None, 'project_id': None, 'is_admin': True, 'read_deleted': 'no', 'roles': ['admin'],
                          'auth_token': None})
        self.assertRegex(cast['_context_request_id'], '^req-[0-9a-f-]{36}$')
        raw.wait('a-scheduler', 3, 20)          # each tick


class Hostile(OnHost):
    """Each case: one line in the log, a typed failure to a caller who can hear it, and the next request is served."""
    options = {'rpc_max_message_size': '65536'}
    groups = {'oslo_messaging_rabbit': {'kombu_missing_consumer_retry_timeout': '1'}}

    def setUp(self):
        self.raw = self.connect()
        self.raw.ping()                 # what a former case left is over
        self.since = len(self.daemon.text())

    def one_line(self, pattern):
        """What has been sent was read, cost this one line, and is not kept. (The caller of a former case may be missed late.)"""
        self.raw.ping()
        lines = [line for line in self.daemon.lines(self.since) if not re.search('its queue reply_[0-9a-f]{32} is missing', line)]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], pattern)
        self.assertLess(len(lines[0]), 1000)
        self.assertNotIn('s3cret', self.daemon.text()[self.since:])
        eventually(lambda: self.unacked() == 0, what='nothing unacked')

    def dropped(self, body, pattern, **how):
        self.raw.publish(body, **how)
        self.one_line('^WARNING .*queue compute.testhost is dropped: ' + pattern)

    def refused(self, message, kind, pattern, line=None, send=None):
        """The caller of @message gets his failure."""
        reply = self.raw.ask(message, send=send)
        self.assertTrue(reply['ending'])
        self.assertIsNone(reply['result'])
        got = failure(reply)
        self.assertEqual(got['class'], kind, got)
        self.assertRegex(got['message'], pattern)
        self.assertNotRegex(''.join(got['tb']), r'\.c\b|src/')
        self.one_line(line or pattern)

    # --- not JSON ------------------------------------------------------------------------------------------

    def test_an_empty_body(self):
        self.dropped(b'', 'the body is empty')

    def test_malformed_json(self):
        self.dropped('{"method": s3cret}', 'the body is not valid JSON')

    def test_truncated_json(self):
        self.dropped(json.dumps(enveloped(self.raw.request('ping', {'arg': 's3cret'})))[:-20], 'the body is not valid JSON')

    def test_truncated_json_within_the_envelope(self):
        self.dropped(enveloped(json.dumps(self.raw.request('ping', {'arg': 's3cret'}))[:-9]), 'the message in the envelope is not valid')

    def test_bytes_that_are_not_utf8(self):
        self.dropped(b'{"method": "s3cret\xff\xfe"}', 'the body is not valid JSON: not UTF-8')

    def test_bytes_that_are_not_utf8_within_the_envelope(self):
        self.dropped(b'{"oslo.version": "2.0", "oslo.message": "{\\"method\\": \\"\xc3\x28\\"}"}', '.*not UTF-8')

    def test_utf16(self):
        self.dropped(json.dumps(self.raw.request('service_version')).encode('utf-16'), 'the body is not valid JSON', content_encoding='utf-16')

    def test_binary(self):
        self.dropped(bytes(range(256)) * 16, 'the body is not valid JSON')

    def test_another_content_type(self):
        self.dropped(b'\x80\x04s3cret', 'its content type is not application/json', content_type='application/x-python-serialize',
                     content_encoding='binary')

    def test_json_that_is_no_object(self):
        for body in ('[1, "s3cret"]', '"s3cret"', '17', 'null', 'true'):
            with self.subTest(body):
                self.since = len(self.daemon.text())
                self.dropped(body, 'the body is not')

    def test_a_message_in_the_envelope_that_is_no_object(self):
        self.dropped(enveloped('["s3cret"]'), 'the message in the envelope is not a JSON object')

    def test_a_message_in_the_envelope_that_is_no_text(self):
        self.dropped({'oslo.version': '2.0', 'oslo.message': {'method': 's3cret'}}, 'the message in the envelope is not a string')

    def test_json_nested_too_deeply(self):
        for body in ('[' * 60000, '{"a":' * 12000, '{"method": "ping", "args": {"arg": %s1%s}}' % ('[' * 20000, ']' * 20000)):
            with self.subTest(body[:30]):
                self.since = len(self.daemon.text())
                self.dropped(body, '.*nested deeper')

    def test_a_key_that_comes_twice(self):
        self.dropped('{"method": "service_version", "method": "host_power_action", "args": {}}', '.*a key occurs twice')

    def test_a_number_that_is_too_large(self):
        self.dropped('{"method": "service_version", "args": {"a": 1e999}}', '.*a number is too large')

    def test_a_nul_in_a_string(self):
        self.dropped('{"method": "service_version\\u0000; s3cret", "args": {}}', '.*a NUL character')

    # --- too much ------------------------------------------------------------------------------------------

    def test_a_message_over_the_cap_is_dropped_and_its_caller_told(self):
        request = self.raw.request('ping', {'arg': 's3cret' * 11000}, namespace='baseapi', version='1.0')
        self.refused(request, 'ValueError', '6[67][0-9]{3} bytes, .*rpc_max_message_size is 65536')

    def test_a_bare_message_over_the_cap_is_dropped_and_its_caller_told(self):
        [answer] = self.raw.essex_call('refresh_security_group_rules', {'security_group_id': 's3cret' * 11000})
        self.assertEqual(json.loads(answer.body)['failure'][0], 'ValueError')
        self.one_line('rpc_max_message_size is 65536')

    def test_a_message_far_over_the_cap_in_many_frames(self):
        request = self.raw.request('ping', {'arg': {'_reply_q': 'compute.testhost', 's': 's3cret' * 500000}}, namespace='baseapi', version='1.0')
        self.refused(request, 'ValueError', '30[0-9]{5} bytes, .*rpc_max_message_size is 65536')

    def test_a_message_over_the_cap_of_which_nothing_is_to_be_made(self):
        for body in ('{' * 100000, '"' * 100000, bytes(range(256)) * 400, '{"_msg_id": "' + 'q' * 70000):
            self.since = len(self.daemon.text())
            self.dropped(body, 'it has [0-9]+ bytes')

    def test_a_message_of_just_the_cap_is_taken(self):
        request = self.raw.request('ping', {'arg': ''}, namespace='baseapi', version='1.0')
        request['args']['arg'] = 'x' * (65536 - len(json.dumps(enveloped(request))))
        self.assertEqual(len(json.dumps(enveloped(request))), 65536)
        self.assertEqual(self.raw.ask(request)['result']['arg'], request['args']['arg'])

    def test_huge_headers(self):
        headers = {'h%d' % i: 'x' * 1000 for i in range(100)}
        request = self.raw.request('service_version')
        self.raw.publish(enveloped(request), headers=dict(headers, nested={'a': [1, {'b': 'c'}]}), message_id='m' * 255, type='t' * 255)
        self.assertIsNone(self.raw.answer(request['_msg_id'])['failure'])

    def test_a_compressed_message_is_opened(self):
        request = self.raw.request('service_version')
        body = json.dumps(enveloped(request)).encode()
        for packed in (zlib.compress(body), gzip.compress(body)):
            request['_unique_id'] = uuid.uuid4().hex
            self.raw.publish(packed, headers={'compression': 'application/x-gzip'})
            self.raw.answer(request['_msg_id'])

    def test_a_compressed_message_that_is_none(self):
        self.dropped(b's3cret', 'its compressed data is broken', headers={'compression': 'application/x-gzip'})

    def test_a_compressed_message_that_grows_without_end(self):
        self.dropped(zlib.compress(b' ' * 50000000), 'decompressed it has more than 65536 bytes', headers={'compression': 'application/x-gzip'})

    def test_an_unknown_compression(self):
        self.dropped(b's3cret', 'its compression is not supported', headers={'compression': 'application/x-rar'})

    # --- the envelope and the members around the arguments -------------------------------------------------

    # checklist: 62
    def test_a_wrong_version_of_the_envelope_is_told_to_the_caller(self):
        for version, text in (('1.0', 'envelope version 1.0'), ('2.1', 'envelope version 2.1'), ('3.0', 'envelope version 3.0'),
                              ('two', 'version of the envelope'), (2.0, 'version of the envelope'), (None, 'version of the envelope')):
            with self.subTest(version=version):
                self.since = len(self.daemon.text())
                request = self.raw.request('service_version')
                self.refused(request, 'ValueError', text, send=enveloped(request, version))

    def test_wrong_members_are_told_to_the_caller(self):
        for more, text in (({'version': 'six'}, 'version is not of the form'), ({'version': 6.0}, 'version is not of the form'),
                           ({'version': '6.0.0.0'}, 'version is not of the form'), ({'version': ['6.0']}, 'version is not of the form'),
                           ({'namespace': 7}, 'namespace is not a string'), ({'method': None}, 'it names no method'),
                           ({'method': DROP}, 'it names no method'), ({'method': {}}, 'method is not a string'),
                           ({'method': ''}, 'method is empty'), ({'method': 'm' * 256}, 'method is longer than 255 bytes'),
                           ({'namespace': 'n' * 256}, 'namespace is longer than 255 bytes'), ({'args': [1]}, 'args is not an object'),
                           ({'args': 's3cret'}, 'args is not an object')):
            with self.subTest(more=str(more)):
                self.since = len(self.daemon.text())
                self.refused(self.raw.request('service_version', **more), 'ValueError', text)

    # checklist: 62
    def test_unknown_versions_and_namespaces_are_told_to_the_caller(self):
        for more, kind, text in (({'version': '7.0'}, 'UnsupportedVersion', 'RPC version 7.0. Attempted method: service_version'),
                                 ({'version': '6.2'}, 'UnsupportedVersion', 'RPC version 6.2'),
                                 ({'version': '5.14'}, 'UnsupportedVersion', 'RPC version 5.14'),
                                 ({'namespace': 'nobody'}, 'UnsupportedVersion', 'RPC version 6.0'),
                                 ({'namespace': 'baseapi', 'version': '1.2'}, 'UnsupportedVersion', 'RPC version 1.2'),
                                 ({'namespace': 'baseapi', 'version': '1.0'}, 'NoSuchMethod', 'RPC method service_version'),
                                 ({'method': '__class__'}, 'NoSuchMethod', 'RPC method __class__'),
                                 ({'method': 'build_and_run_instances'}, 'NoSuchMethod', 'RPC method build_and_run_instances')):
            with self.subTest(more=str(more)):
                self.since = len(self.daemon.text())
                self.refused(self.raw.request('service_version', **more), kind, re.escape(text), line='^INFO .*' + re.escape(text))

    def test_a_method_name_meant_to_forge_lines_of_the_log(self):
        forged = 'x\n2026-01-01 00:00:00.000 1 ERROR nova [-] s0mebody was here\r\x1b[2J'
        self.raw.ask(self.raw.request(forged))
        self.one_line('^INFO .*Refused')
        text = self.daemon.text()[self.since:]
        self.assertNotRegex(text, '(?m)^2026-01-01 00:00:00')
        self.assertNotIn('\x1b', text)

    def test_an_endless_method_name(self):
        for message in (self.raw.request('m' * 60000), self.raw.request('service_version', version='6.' + '1' * 60000),
                        self.raw.request('service_version', namespace='n' * 60000), self.raw.request('m' * 255)):
            self.since = len(self.daemon.text())
            got = failure(self.raw.ask(message))
            self.assertIn(got['class'], ('NoSuchMethod', 'ValueError'))
            self.assertLess(len(got['message']), 400)
            self.one_line('.')

    # --- arguments -----------------------------------------------------------------------------------------

    # checklist: 62
    def test_missing_and_wrong_arguments_are_told_to_the_caller(self):
        for method, args, text in (('set_host_enabled', {}, r"set_host_enabled\(\) is missing the argument 'enabled'"),
                                   ('set_host_enabled', {'enabled': 'yes'}, r"set_host_enabled\(\) got .*argument 'enabled': a boolean"),
                                   ('set_host_enabled', {'enabled': None}, 'a boolean is required'),
                                   ('set_host_enabled', {'enabled': 1}, 'a boolean is required'),
                                   ('host_power_action', {'action': {'s3cret': 1}}, "argument 'action': a string"),
                                   ('host_power_action', {'action': ['s3cret' * 5000]}, "argument 'action': a string"),
                                   ('host_maintenance_mode', {'host': 'h'}, "missing the argument 'mode'")):
            with self.subTest(method=method, args=str(args)[:60]):
                self.since = len(self.daemon.text())
                self.refused(self.raw.request(method, args), 'TypeError', text)

    def test_an_argument_that_no_method_could_take(self):
        self.refused(self.raw.request('host_power_action', {'action': 'explode'}), 'Invalid', 'not startup, shutdown or reboot')

    def test_unknown_arguments_are_ignored(self):
        self.assertIsNone(self.raw.oslo_call('service_version', {'one': 1, '__proto__': {}, '': None, 'a' * 10000: 1})['failure'])

    # --- contexts ------------------------------------------------------------------------------------------

    def test_hostile_contexts_are_told_to_the_caller(self):
        for key, value in (('is_admin', 'perhaps'), ('is_admin', 1), ('roles', {'s3cret': 1}), ('roles', [['admin']]), ('user_id', 7),
                           ('request_id', {'a': 1}), ('request_id', 'r' * 300), ('timestamp', 'yesterday'), ('timestamp', 1.5),
                           ('read_deleted', 'all'), ('auth_token', ['s3cret']), ('service_catalog', 's3cret'), ('project_id', 'p' * 40000)):
            with self.subTest(key=key, value=str(value)[:40]):
                self.since = len(self.daemon.text())
                message = self.raw.request('service_version', **{'_context_' + key: value})
                self.refused(message, 'ValueError', "context's '%s'" % key)

    def test_a_context_meant_to_forge_lines_of_the_log(self):
        forged = 'req-1\n2026-01-01 00:00:00.000 1 ERROR nova [-] s0mebody'
        self.daemon.fault('get_host_uptime:fail')
        self.addCleanup(self.daemon.fault)
        self.raw.oslo_call('get_host_uptime', _context_request_id=forged, _context_user_id='u\n2026-01-01 x', _context_project_id='\x1b[2J')
        text = self.daemon.text()[self.since:]
        self.assertIn('Exception during message handling', text)
        self.assertNotRegex(text, '(?m)^2026-01-01')
        self.assertNotIn('\x1b', text)

    def test_unknown_context_keys_and_missing_ones_do_no_harm(self):
        message = self.raw.request('service_version', _context_request_id=DROP, _context_is_admin=DROP, _context_of_tomorrow={'a': 1},
                                   _context_='', _context_user_id=None)
        self.assertIsNone(self.raw.ask(message)['failure'])

    # --- reply addresses -----------------------------------------------------------------------------------

    def test_reply_addresses_that_are_none(self):
        for more, text in (({'_reply_q': 7}, '_reply_q is not a string'), ({'_reply_q': ''}, '_reply_q is empty'),
                           ({'_reply_q': 'r' * 256}, '_reply_q is longer'), ({'_reply_q': DROP}, 'it has _msg_id but no _reply_q'),
                           ({'_msg_id': ['a']}, '_msg_id is not a string'), ({'_msg_id': 'm' * 256}, '_msg_id is longer')):
            with self.subTest(more=str(more)[:60]):
                self.since = len(self.daemon.text())
                self.dropped(enveloped(self.raw.request('service_version', **more)), text)

    def test_a_reply_queue_that_does_not_exist_costs_one_line_and_holds_up_nobody(self):
        for _ in range(150):            # more than the prefetch
            self.raw.publish(enveloped(self.raw.request('service_version', _reply_q='reply_of_nobody')))
        began = time.monotonic()
        self.raw.ping()
        self.assertLess(time.monotonic() - began, 5 * SLOW)
        self.daemon.wait_logged('reply_of_nobody is missing', since=self.since)
        self.raw.publish(enveloped(self.raw.request('service_version', _reply_q='reply_of_nobody')))
        self.one_line('WARNING .*reply_of_nobody is missing')

    def test_our_own_queue_as_the_reply_queue_makes_no_circle(self):
        before = self.bus().get('Requests')
        self.raw.publish(enveloped(self.raw.request('service_version', _reply_q='compute.testhost')))
        self.daemon.wait_logged('is dropped: ', since=self.since)
        self.raw.ping()
        self.one_line('is dropped: ')
        self.raw.publish(self.raw.essex('service_version', {}, 'compute.testhost'))
        self.raw.ping()
        self.assertLessEqual(self.bus().get('Requests'), before + 6)
        self.assertLessEqual(len(self.daemon.lines(self.since)), 3)

    # --- duplicates ----------------------------------------------------------------------------------------

    def test_a_repeated_request_is_run_and_answered_once(self):
        request = self.raw.request('service_version')
        before = self.bus().get('Requests')
        for _ in range(5):
            self.raw.publish(enveloped(request))
            for _ in range(20):         # more between them than oslo.messaging remembers
                self.raw.publish(enveloped(self.raw.request('service_version', call=False)))
        self.raw.ping()
        mine = [m for m in self.raw.got[self.raw.replies] if opened(m)['_msg_id'] == request['_msg_id']]
        self.assertEqual(len(mine), 1)
        self.assertEqual(self.bus().get('Requests'), before + 1 + 100 + 1)

    def test_unique_ids_that_are_none_do_no_harm(self):
        for value in (None, 7, '', ['a'], 'u' * 300, DROP):
            for _ in range(2):
                self.assertIsNone(self.raw.oslo_call('service_version', _unique_id=value)['failure'])

    # --- other ways in -------------------------------------------------------------------------------------

    def test_a_message_by_an_exchange_that_is_not_ours_is_a_message(self):
        self.raw.channel.exchange_declare('strange', 'headers', durable=False, auto_delete=True)
        self.raw.channel.queue_bind('compute.testhost', 'strange', '', arguments={'x-match': 'any', 'who': 'me'})
        self.addCleanup(self.raw.channel.queue_unbind, 'compute.testhost', 'strange', '', arguments={'x-match': 'any', 'who': 'me'})
        request = self.raw.request('service_version')
        self.raw.publish(enveloped(request), exchange='strange', key='k' * 255, headers={'who': 'me'})
        self.assertIsNone(self.raw.answer(request['_msg_id'])['failure'])

    def test_a_flood_of_all_sorts_leaves_nothing_behind(self):
        sorts = [b'', b'{', b'\xff', b'[]', '[' * 60000, json.dumps(enveloped('{', '9.9')), self.raw.essex(),
                 enveloped(self.raw.request('nope')), enveloped(self.raw.request('ping', args=3))]
        for i in range(300):
            self.raw.publish(sorts[i % len(sorts)], key=('compute', 'compute.testhost')[i % 2])
        self.raw.ping(30)
        eventually(lambda: self.unacked() == 0 and self.unacked('compute') == 0, what='nothing unacked')
        self.assertEqual(self.bus().get('State'), 'running')


class Closes(OnHost):
    """The broker deletes, closes and refuses: a sentence for people, and all is well again without anybody's help."""
    options = {'publish_service_capabilities': 'true'}
    groups = {'oslo_messaging_rabbit': {'rabbit_retry_interval': '0', 'kombu_reconnect_delay': '0', 'rabbit_retry_backoff': '1'}}

    def setUp(self):
        self.watch = self.bus()
        self.whole()
        self.since = len(self.daemon.text())

    def whole(self, seconds=15):
        eventually(lambda: self.watch.get('BrokerState') == 'connected' and self.watch.get('Consumers') == 3 and
                   self.watch.get('State') == 'running', seconds, 'three consumers')

    def sentences(self):
        return [line for line in self.daemon.lines(self.since) if 'is unreachable' in line]

    def connections(self):
        """The daemon's own, by the names it gives them."""
        def ours():
            return [c['name'] for c in self.broker.http('GET', 'connections')
                    if c.get('vhost') == self.vhost and 'nova-compute' in c.get('client_properties', {}).get('connection_name', '')]
        return eventually(lambda: len(ours()) == 2 and ours(), what='the two connections in the management API')

    def answers(self, seconds=15):
        """A new caller is answered."""
        def tried():
            try:
                raw = Raw(self.broker, self.vhost)
            except Exception:
                return False
            try:
                raw.ping(2)
                return True
            except (AssertionError, OSError, raw.amqp.AMQPError):
                return False
            finally:
                try:
                    raw.close()
                except Exception:
                    pass
        eventually(tried, seconds, 'an answer')

    # checklist: 64
    def test_a_deleted_queue_is_declared_and_consumed_again(self):
        for queue in self.watch.get('Queues'):
            with self.subTest(queue):
                self.since = len(self.daemon.text())
                self.broker.http('DELETE', 'queues/%s/%s' % (self.vhost, quoted(queue)))
                self.daemon.wait_logged('Connected to AMQP server', since=self.since)
                self.whole()
                [line] = self.sentences()
                self.assertRegex(line, 'the broker cancelled consumer [123]: its queue was deleted')
                self.assertIn(queue, self.broker.queues(self.vhost))
                self.answers()

    # checklist: 64
    def test_connections_closed_by_an_operator_come_back(self):
        for name in self.connections():
            self.broker.http('DELETE', 'connections/' + quoted(name))
        self.daemon.wait_logged(r'(?s)Connected to AMQP server.*Connected to AMQP server', since=self.since)
        self.whole()
        lines = self.sentences()
        self.assertEqual(len(lines), 2, lines)
        for line in lines:
            self.assertIn('320 CONNECTION_FORCED', line)
        self.answers()

    # checklist: 64
    def test_a_request_that_runs_while_its_connection_is_closed_is_run_once_and_answered(self):
        raw = self.connect()
        self.daemon.fault('get_host_uptime:slow:2')
        self.addCleanup(self.daemon.fault)
        names = self.connections()
        before = self.watch.get('Requests')
        request = raw.request('get_host_uptime')
        raw.publish(enveloped(request))
        eventually(lambda: self.watch.get('Requests') == before + 1, what='the request taken')
        for name in names:
            self.broker.http('DELETE', 'connections/' + quoted(name))
        self.daemon.wait_logged('delivered again while it runs', since=self.since)
        self.assertIn('load average', raw.answer(request['_msg_id'])['result'])
        raw.ping()
        self.assertEqual(len([m for m in raw.got[raw.replies] if opened(m)['_msg_id'] == request['_msg_id']]), 1)
        self.assertEqual(self.watch.get('Requests'), before + 2)        # it and the ping
        eventually(lambda: self.unacked() == 0, what='the delivery acked')

    # checklist: 64
    def test_a_virtual_host_that_goes_and_comes_back(self):
        self.broker.http('DELETE', 'vhosts/' + self.vhost)
        eventually(lambda: self.watch.get('BrokerState') == 'waiting' and re.search('530|402|virtual host|vhost', self.watch.get('BrokerError')),
                   what='the reason on the bus')
        self.assertEqual(self.watch.get('Consumers'), 0)
        self.assertIn('127.0.0.1:%d' % self.broker.port, self.watch.get('Trouble'))
        self.assertTrue(any('virtual host' in line for line in self.sentences()), self.sentences())
        self.assertLessEqual(len(self.sentences()), 6)
        self.broker.vhost(self.vhost)
        self.whole(40)
        self.answers()

    # checklist: 64
    def test_permissions_that_are_taken_and_given_back(self):
        path = 'permissions/%s/%s' % (self.vhost, self.broker.user)
        self.broker.http('PUT', path, {'configure': '^nothing$', 'write': '^nothing$', 'read': '^nothing$'})
        self.addCleanup(self.broker.vhost, self.vhost)
        for name in self.connections():
            self.broker.http('DELETE', 'connections/' + quoted(name))
        eventually(lambda: '403 ACCESS_REFUSED' in self.watch.get('BrokerError'), what='the reason on the bus')
        self.assertTrue(any('permissions on the virtual host' in line for line in self.sentences()), self.sentences())
        self.broker.vhost(self.vhost)
        self.whole(40)
        self.answers()

    def test_a_scheduler_exchange_of_another_kind_costs_a_line_and_no_reply(self):
        """Declaring it fails with 406 at each tick: what is to go there is given up, replies are not."""
        raw = self.connect()
        raw.channel.exchange_declare('scheduler_fanout', 'direct', durable=True, auto_delete=False)
        self.addCleanup(lambda: self.broker.http('DELETE', 'exchanges/%s/scheduler_fanout' % self.vhost))
        for name in self.connections():         # who has declared it on his connection does not do it again
            self.broker.http('DELETE', 'connections/' + quoted(name))
        self.whole()
        raw.publish(enveloped(raw.request('publish_service_capabilities', call=False)))
        self.daemon.wait_logged('406 PRECONDITION_FAILED.*scheduler_fanout', since=self.since)
        self.answers()
        self.assertTrue(any("declaring exchange 'scheduler_fanout'" in line and '406' in line for line in self.sentences()), self.sentences())

    def test_an_exchange_deleted_behind_its_back_is_made_again(self):
        """A publish to an exchange that is gone closes the channel with 404."""
        raw = self.connect()
        raw.publish(enveloped(raw.request('publish_service_capabilities')))
        raw.wait(raw.replies, 1)
        self.broker.http('DELETE', 'exchanges/%s/scheduler_fanout' % self.vhost)
        self.assertIsNone(raw.oslo_call('publish_service_capabilities')['failure'])
        self.daemon.wait_logged('404 NOT_FOUND', since=self.since)
        raw.listen('late-scheduler', exchange='scheduler_fanout', key='', kind='fanout')
        raw.publish(enveloped(raw.request('publish_service_capabilities', call=False)))
        raw.wait('late-scheduler', 1)
        self.answers()


class OtherFlags(OnHost):
    """Somebody has declared the queue of this host, and not as Nova does."""
    groups = Closes.groups
    start = False

    # checklist: 64
    def test_a_queue_with_other_flags_is_named_and_waited_for(self):
        raw = self.connect()
        raw.channel.queue_declare('compute.testhost', durable=True, auto_delete=False)
        self.daemon.start()
        bus = self.bus()
        eventually(lambda: '406 PRECONDITION_FAILED' in bus.get('BrokerError'), what='the reason on the bus')
        self.assertEqual(bus.get('State'), 'degraded')
        [line] = [line for line in self.daemon.lines() if 'is unreachable' in line]
        for part in ("declaring queue 'compute.testhost'", '406 PRECONDITION_FAILED', 'amqp_durable_queues'):
            self.assertIn(part, line)
            self.assertIn(part, bus.get('Trouble'))
        raw.channel.queue_delete('compute.testhost')
        eventually(lambda: bus.get('Consumers') == 3, 40, 'the consumers')
        raw.ping()
        self.assertEqual(bus.get('Trouble'), '')


class Absence(OnHost):
    """Messages that come while nobody consumes."""

    def hear(self, raw, request, seconds=20):
        return raw.answer(request['_msg_id'], seconds)

    # checklist: 61
    def test_messages_to_a_stopped_service_wait_and_are_answered_after_its_start(self):
        raw, bus = self.connect(), self.bus()
        bus.watch()
        bus.verb('Stop', timeout=20)
        bus.wait_change('State', 'stopped')
        requests = [raw.request('ping', {'arg': n}, namespace='baseapi', version='1.0') for n in range(5)]
        lost = raw.request('set_host_enabled', {'enabled': True})
        raw.publish(enveloped(lost), expiration='200')
        for request in requests:
            raw.publish(enveloped(request))
        msg_id = uuid.uuid4().hex
        raw.listen(msg_id, exchange=msg_id)
        raw.publish(raw.essex('service_version', {}, msg_id))
        self.assertEqual(self.consumers(), 0)
        eventually(lambda: raw.channel.queue_declare('compute.testhost', passive=True).message_count == 6, what='the expiry of one')
        self.assertIsNone(self.daemon.process.poll())
        before = bus.get('Requests')
        bus.verb('Start', timeout=30)
        for n, request in enumerate(requests):
            self.assertEqual(self.hear(raw, request)['result'], {'service': 'compute', 'arg': n})
        self.assertEqual(len(raw.wait(msg_id, 2)), 2)
        self.assertEqual(bus.get('Requests'), before + 6)
        self.assertFalse([m for m in raw.got[raw.replies] if opened(m)['_msg_id'] == lost['_msg_id']])

    # checklist: 61
    def test_what_was_taken_and_not_answered_by_a_killed_daemon_is_answered_by_the_next(self):
        raw = self.connect()
        self.daemon.fault('get_host_uptime:hang')
        requests = [raw.request('get_host_uptime') for _ in range(3)]
        before = self.bus().get('Requests')
        for request in requests:
            raw.publish(enveloped(request))
        eventually(lambda: self.bus().get('Requests') == before + 3, what='the requests taken')
        self.daemon.kill()
        self.daemon.fault()
        self.daemon.start()
        for request in requests:
            self.assertIn('load average', self.hear(raw, request)['result'])

    # checklist: 61, 74
    def test_a_stop_answers_what_runs_and_leaves_the_rest_to_the_next(self):
        raw = self.connect()
        self.daemon.fault('get_host_uptime:slow:2')
        self.addCleanup(self.daemon.fault)
        since = len(self.daemon.text())
        running = raw.request('get_host_uptime')
        raw.publish(enveloped(running))
        self.daemon.wait_logged('get_host_uptime begins', since=since)
        ended = []
        thread = threading.Thread(target=lambda: ended.append(self.daemon.stop()))
        thread.start()
        self.daemon.wait_logged('(?i)stop')
        eventually(lambda: self.consumers() == 0, what='no consumer')
        late = raw.request('service_version')
        raw.publish(enveloped(late))
        self.assertIn('load average', self.hear(raw, running)['result'])
        thread.join()
        self.assertEqual(ended, [0])
        self.assertEqual(raw.channel.queue_declare('compute.testhost', passive=True).message_count, 1)
        self.daemon.start()
        self.assertIsNone(self.hear(raw, late)['failure'])


if __name__ == '__main__':
    unittest.main()
