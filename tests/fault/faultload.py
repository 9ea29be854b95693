"""A load of life-cycle requests that goes on whatever happens to the daemon, and the judgement afterwards: each accepted request
has one outcome, told the same to whoever hears it; no instance is left in the middle of something; store and hypervisor say
the same; nothing is left that nobody asked for.

Requests are what Nova's own client sends: its serialization, once, with other uuids put in. Each is a call, so that its outcome
is heard of, also where Nova would cast.
"""
import contextlib
import copy
import json
import os
import random
import signal
import sqlite3
import sys
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), 'lib'), os.path.join(os.path.dirname(HERE), 'integration')]
from computeclient import Cloud  # noqa: E402
from novatest import SLOW, Daemon, eventually, shared_broker  # noqa: E402
from wireclient import Raw, opened, over  # noqa: E402

PLACEHOLDER = '11111111-2222-4333-8444-555555555555'
EVENTS = ('network-changed', 'network-vif-deleted')
NEW_IMAGE = '22222222-2222-4333-8444-555555555555'      # in a template: another one each time
POWER = {'active': 1, 'stopped': 4, 'paused': 3, 'suspended': 7}
# what is asked of an instance most of the time: what its state allows; now and then anything
LIKELY = {'active': ('stop', 'reboot', 'pause', 'suspend', 'terminate'), 'stopped': ('start', 'terminate', 'hard reboot'),
          'paused': ('unpause', 'terminate'), 'suspended': ('resume', 'terminate')}
LEADS_TO = {'stop': 'stopped', 'start': 'active', 'reboot': 'active', 'hard reboot': 'active', 'pause': 'paused', 'unpause': 'active',
            'suspend': 'suspended', 'resume': 'active', 'build': 'active', 'rescue': 'rescued', 'unrescue': 'active'}
# and where guests have disks, made of an image
OF_DISKS = {'active': ('rescue', 'rebuild', 'snapshot', 'hard reboot'), 'stopped': ('rescue', 'rebuild', 'snapshot'),
            'paused': ('snapshot',), 'suspended': ('snapshot',), 'rescued': ('unrescue', 'unrescue', 'unrescue', 'terminate')}


class Recorder:
    """Stands for the RPC client of nova.compute.rpcapi: keeps what would be sent."""

    def __init__(self):
        self.sent = None

    def client(self, *_):
        return self

    by_host = client

    def can_send_version(self, *_):
        return True

    def prepare(self, **more):
        self.version = more.get('version', '6.0')
        return self

    def cast(self, _context, method, **args):
        self.sent = (method, args)

    call = cast


class Templates:
    """The arguments of each request, as text with PLACEHOLDER for the instance's uuid. @image: what guests are made of, when there
    is one; then there are requests that want it."""

    def __init__(self, url, host, image=None, **build):
        from nova import objects
        from nova.objects import base
        cloud = Cloud(url, host=host)
        recorder = Recorder()
        type(cloud.api).router = property(lambda _: recorder)
        serializer = base.NovaObjectSerializer()
        self.texts = {}

        def keep(name):
            method, args = recorder.sent
            context = cloud.context()
            values = {k: serializer.serialize_entity(context, v) for k, v in args.items()}
            self.texts[name] = (method, json.dumps(values, default=str))

        if image:
            build.update(image=image, image_fields={'disk_format': 'raw'})
        build.setdefault('networks', 'none')
        guest = cloud.build(uuid=PLACEHOLDER, **build)
        keep('build')
        guest.host = host
        guest.obj_reset_changes()
        context = cloud.context()
        api = cloud.api
        for name, send in (('stop', lambda: api.stop_instance(context, guest)), ('start', lambda: api.start_instance(context, guest)),
                           ('reboot', lambda: api.reboot_instance(context, guest, None, 'SOFT')),
                           ('hard reboot', lambda: api.reboot_instance(context, guest, None, 'HARD')),
                           ('pause', lambda: api.pause_instance(context, guest)),
                           ('unpause', lambda: api.unpause_instance(context, guest)),
                           ('suspend', lambda: api.suspend_instance(context, guest)),
                           ('resume', lambda: api.resume_instance(context, guest)),
                           ('terminate', lambda: api.terminate_instance(context, guest, objects.BlockDeviceMappingList(objects=[])))):
            send()
            keep(name)
        api.external_instance_event(context, [guest], [objects.InstanceExternalEvent(
            instance_uuid=PLACEHOLDER, name=name, status='completed', tag=PLACEHOLDER, data={}) for name in EVENTS], host=host)
        keep('events')
        if image:
            self.of_disks(api, context, guest, image, objects, keep)

    @staticmethod
    def of_disks(api, context, guest, image, objects, keep):
        api.rescue_instance(context, guest, 'pass', rescue_image_ref=image)
        keep('rescue')
        api.unrescue_instance(context, guest)
        keep('unrescue')
        api.snapshot_instance(context, guest, NEW_IMAGE)
        keep('snapshot')
        api.rebuild_instance(context, guest, new_pass='pass', injected_files=[], image_ref=image, orig_image_ref='', orig_sys_metadata={},
                             bdms=objects.BlockDeviceMappingList(objects=[]), recreate=False, on_shared_storage=None, host=guest.host, node=None,
                             preserve_ephemeral=False, migration=None, limits={}, request_spec=None, accel_uuids=[],
                             reimage_boot_volume=False)
        keep('rebuild')

    def request(self, name, instance):
        method, text = self.texts[name]
        return method, json.loads(text.replace(PLACEHOLDER, instance).replace(NEW_IMAGE, str(uuid.uuid4())))


class Request:
    __slots__ = ('unique', 'msg', 'name', 'instance', 'replies', 'sent', 'image')

    def __init__(self, name, instance):
        self.unique, self.msg = uuid.uuid4().hex, uuid.uuid4().hex
        self.name, self.instance = name, instance
        self.replies = []
        self.sent = time.monotonic()
        self.image = None               # the id of the one that it makes


class Load:
    """Sends, hears, and remembers."""

    def __init__(self, broker, vhost, host='testhost', instances=10, outstanding=24, seed=None, templates=None,
                 of_disks=False):
        self.broker, self.vhost, self.host = broker, vhost, host
        self.templates = templates or Templates(broker.url(vhost), host)
        self.random = random.Random(seed)
        self.requests = {}              # by msg id
        self.open = {}                  # not replied to
        self.wanted, self.limit = instances, outstanding
        self.instances = {}             # uuid -> the state that what was sent leads to
        self.likely = {state: LIKELY.get(state, ()) + (OF_DISKS[state] if of_disks else ()) for state in (OF_DISKS if of_disks else LIKELY)}
        self.likely['error'] = ('terminate',)
        self.raw = None
        self.connect()

    def connect(self):
        self.raw = Raw(self.broker, self.vhost, self.host)
        # one that stays when we are cut off: the replies of a daemon that comes back go there
        self.queue = 'reply_' + uuid.uuid4().hex
        self.raw.channel.queue_declare(self.queue, durable=False, auto_delete=False)
        self.raw.channel.basic_consume(self.queue, no_ack=True, callback=self.on_reply)
        # a message that comes before the daemon has declared it must not be lost
        self.raw.channel.exchange_declare('nova', 'topic', durable=False, auto_delete=False)
        self.raw.channel.queue_declare('compute.' + self.host, durable=False, auto_delete=False)
        self.raw.channel.queue_bind('compute.' + self.host, 'nova', 'compute.' + self.host)

    def reconnect(self):
        """After a restart of the broker: whoever waited there waits no more."""
        with contextlib.suppress(Exception):
            self.raw.close()
        self.open.clear()
        self.connect()

    def close(self):
        with contextlib.suppress(Exception):
            self.raw.close()

    def on_reply(self, message):
        inner = opened(message)
        if not over(inner):
            return
        r = self.requests.get(inner['_msg_id'])
        if r is None:
            return
        failure = json.loads(inner['failure']) if inner.get('failure') else None
        r.replies.append((json.dumps(inner.get('result')), failure and (failure['class'], failure['message'])))
        self.open.pop(r.msg, None)
        if failure and r.name in ('build', 'rebuild') and r.instance in self.instances and failure['class'] != 'InstanceInvalidState':
            self.instances[r.instance] = 'error'

    def send(self, name, instance):
        r = Request(name, instance)
        method, args = self.templates.request(name, instance)
        r.image = args.get('image_id')
        inner = {'method': method, 'args': args, 'version': '6.0', '_unique_id': r.unique, '_msg_id': r.msg, '_reply_q': self.queue,
                 '_timeout': None, '_context_user_id': 'demo', '_context_project_id': 'demo', '_context_is_admin': True,
                 '_context_request_id': 'req-' + str(uuid.uuid4()), '_context_roles': ['member']}
        self.requests[r.msg] = self.open[r.msg] = r
        self.raw.publish({'oslo.version': '2.0', 'oslo.message': json.dumps(inner)})
        return r

    def send_one(self):
        if len(self.instances) < self.wanted:
            instance = str(uuid.uuid4())
            self.instances[instance] = 'active'
            return self.send('build', instance)
        instance = self.random.choice(list(self.instances))
        names = self.likely[self.instances[instance]] if self.random.random() < 0.9 else self.anything()
        name = self.random.choice(names)
        if name == 'terminate' and self.instances[instance] != 'error' and self.random.random() < 0.5:
            name = 'reboot'
        if name == 'terminate':
            del self.instances[instance]
        else:
            self.instances[instance] = LEADS_TO.get(name, self.instances[instance])
        return self.send(name, instance)

    def anything(self):
        return sorted({name for names in self.likely.values() for name in names})

    def hear(self, seconds):
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            try:
                self.raw.connection.drain_events(timeout=max(left, 0.0005))
            except (TimeoutError, OSError) as e:
                if not isinstance(e, TimeoutError) and 'timed out' not in str(e):
                    raise
            if time.monotonic() >= end:
                return

    def go_on(self, seconds, most=None):
        """For so long, with as many under way as is the limit."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            n = 0
            while len(self.open) < self.limit and (most is None or len(self.requests) < most) and n < 8:
                self.send_one()
                n += 1
            self.hear(min(0.005, max(end - time.monotonic(), 0)))

    def wait_for_all(self, seconds=30):
        """Until each has its reply. Those that have not."""
        end = time.monotonic() + seconds * SLOW
        while self.open and time.monotonic() < end:
            self.hear(0.02)
        return list(self.open.values())


class Victim(Daemon):
    """A daemon that is killed: its guests and all that it knows stay."""

    def __init__(self, url, driver='fake.FakeDriver', options=None, groups=None, **more):
        values = {'dbus': 'false', 'debug': 'false', 'periodic_interval': '60', 'stop_timeout': '5', 'log_options': 'false'}
        values.update(options or {})
        every = {'fake': {'vcpus': '200', 'memory_mb': '400000', 'local_gb': '40000'}}
        for group, v in (groups or {}).items():
            every.setdefault(group, {}).update(v)
        super().__init__(url, driver=driver, options=values, groups=every, **more)
        if driver == 'fake.FakeDriver':
            self.guests_file = os.path.join(self.folder, 'guests')
            self.groups['fake']['guests_file'] = self.guests_file
        self.kills = 0

    def murder(self):
        """SIGKILL. Whether it was alive."""
        if self.process.poll() is not None:
            return False
        self.process.kill()
        self.process.wait()
        self.kills += 1
        return True

    def died_by_itself(self):
        status = self.process.poll()            # once: it may end between two looks
        if status == -signal.SIGKILL:
            self.kills += 1
            return True
        if status is not None:
            raise AssertionError('nova-compute ended with %s:\n%s' % (self.process.returncode, self.text()[-4000:]))
        return False

    @property
    def journal(self):
        return os.path.join(self.state, 'nova-journal.sqlite')

    def journal_rows(self):
        if not os.path.exists(self.journal):
            return []
        with contextlib.closing(sqlite3.connect('file:%s?mode=ro' % self.journal, uri=True, timeout=5)) as c:
            c.row_factory = sqlite3.Row
            return [dict(r) for r in c.execute('SELECT * FROM requests ORDER BY id')]

    def fake_guests(self):
        """What the hypervisor has: uuid -> power state."""
        guests = {}
        if os.path.exists(self.guests_file):
            for line in open(self.guests_file, encoding='utf-8'):
                o = json.loads(line)
                if o.get('state') is None:
                    guests.pop(o['uuid'], None)
                else:
                    guests[o['uuid']] = o['state']
        return guests


def wait_quiet(daemon, seconds=30):
    """Until nothing is open in the journal; the rows."""
    end = time.monotonic() + seconds * SLOW
    while True:
        rows = daemon.journal_rows()
        if not any(r['state'] in ('accepted', 'begun') for r in rows):
            return rows
        if time.monotonic() > end:
            raise AssertionError('open in the journal after %g s: %r\n%s' % (
                seconds * SLOW, [(r['id'], r['method'], r['state'], r['step']) for r in rows if r['state'] in ('accepted', 'begun')],
                daemon.text()[-3000:]))
        time.sleep(0.05)


def judge(load, daemon, guests, lost_by_broker=False, power=POWER, legal=None):
    """What is wrong, a sentence each. The daemon runs and everything has come to rest. @guests: uuid -> power state."""
    wrong = []
    rows = wait_quiet(daemon)
    by_id = {}
    for row in rows:
        if row['unique_id'] is None:            # what the host asks of itself; no caller has a name for it
            continue
        if row['unique_id'] in by_id:
            wrong.append('request %s was accepted twice' % row['unique_id'])
        by_id[row['unique_id']] = row
    for r in load.requests.values():
        row = by_id.get(r.unique)
        if row is None:
            if not lost_by_broker and not (r.replies and r.replies[0][1]):
                wrong.append('%s of %s was never accepted' % (r.name, r.instance))
            continue
        if row['state'] not in ('done', 'failed', 'undone'):
            wrong.append('%s of %s is %s' % (r.name, r.instance, row['state']))
        if not lost_by_broker and not r.replies:
            wrong.append('%s of %s (%s) was never answered; reply %s' % (r.name, r.instance, row['state'], row['reply']))
        if len(set(r.replies)) > 1:
            wrong.append('%s of %s was answered differently: %r' % (r.name, r.instance, r.replies))
        for _, failure in r.replies[:1]:
            if (failure is None) != (row['state'] == 'done'):
                wrong.append('%s of %s is %s, and was answered %r' % (r.name, r.instance, row['state'], failure))
            if failure and failure[0] not in (legal or LEGAL_FAILURES):
                wrong.append('%s of %s failed: %r' % (r.name, r.instance, failure))
        if row['reply'] == 'wanted' and not lost_by_broker:
            wrong.append('the reply to %s of %s is not recorded' % (r.name, r.instance))
    living = {}
    for row in daemon.sql('SELECT * FROM instances WHERE deleted = 0'):
        living[row['uuid']] = row
        if row['task_state'] is not None:
            wrong.append('instance %s is left with task_state %s' % (row['uuid'], row['task_state']))
        if row['vm_state'] == 'building':
            wrong.append('instance %s is left building' % row['uuid'])
        if row['vm_state'] == 'error':
            if not daemon.sql("SELECT id FROM instance_faults WHERE instance_uuid = '%s'" % row['uuid']):
                wrong.append('instance %s is in error without a fault' % row['uuid'])
            continue
        if row['uuid'] not in guests:
            wrong.append('instance %s (%s) has no guest' % (row['uuid'], row['vm_state']))
        elif row['vm_state'] in power and guests[row['uuid']] != power[row['vm_state']]:
            wrong.append('instance %s is %s, and its guest has power state %s' % (row['uuid'], row['vm_state'], guests[row['uuid']]))
    for guest in guests:
        if guest not in living:
            wrong.append('guest %s has no row' % guest)
        elif living[guest]['vm_state'] == 'error' and living[guest]['host'] is None:
            wrong.append('guest %s is there, and its instance could not be built' % guest)
    return wrong


# What a request may be told: it came when the state did not allow it, its instance was being deleted or gone, or could not be built, or it was
# interrupted. Anything else is our fault.
LEGAL_FAILURES = {'InstanceInvalidState', 'InstanceNotFound', 'UnexpectedDeletingTaskStateError', 'InstanceExists', 'BuildAbortException',
                  'NovaException', 'InstanceNotReady'}


def outcomes(daemon):
    found = {}
    for row in daemon.journal_rows():
        failure = json.loads(row['failure']) if row['failure'] else None
        kind = row['state'] + (' ' + failure.get('class', '?') if failure else '')
        if failure and failure.get('class') in ('NovaException', 'BuildAbortException'):
            kind += ': ' + failure['message'].replace(row['instance_uuid'] or '', '…')
        found[kind] = found.get(kind, 0) + 1
    return dict(sorted(found.items(), key=lambda kv: -kv[1]))


class Scene(unittest.TestCase):
    """A load, and a daemon with the fake driver that is killed under it."""
    templates = None
    options = {}
    victim_class = Victim

    def setUp(self):
        self.broker = shared_broker()
        self.vhost = self.broker.vhost('fault-' + uuid.uuid4().hex[:8])
        self.addCleanup(self.broker.http, 'DELETE', 'vhosts/' + self.vhost)
        if Scene.templates is None:
            Scene.templates = Templates(self.broker.url(self.vhost), 'testhost')
        self.victim = self.victim_class(self.broker.url(self.vhost), options=self.options)
        self.addCleanup(self.victim.close)
        seed = int(os.environ.get('NOVA_FAULT_SEED', str(uuid.uuid4().int % 1000000)))
        print('seed %d' % seed, flush=True)
        self.load = Load(self.broker, self.vhost, seed=seed, templates=self.templates)
        self.addCleanup(self.load.close)

    def rest_and_judge(self):
        """Up again, everything answered, and nothing wrong."""
        if self.victim.process.poll() is not None:
            self.victim.start()
        else:
            self.victim.wait_notified('READY=1', 20)
        left = self.load.wait_for_all()
        self.assertFalse(['%s of %s' % (r.name, r.instance) for r in left][:10], self.victim.text()[-3000:])
        # the recording of the last replies waits for company
        eventually(lambda: not any(r['reply'] == 'wanted' for r in self.victim.journal_rows()), what='the record of the last replies')
        self.assertEqual(judge(self.load, self.victim, self.victim.fake_guests()), [])
        print('%d requests, %d kills: %s' % (len(self.load.requests), self.victim.kills, outcomes(self.victim)), flush=True)

    def until_it_dies(self, what):
        end = time.monotonic() + 30 * SLOW
        while not self.victim.died_by_itself():
            self.assertLess(time.monotonic(), end, what)
            self.load.go_on(0.02)


__all__ = ['Load', 'Scene', 'Templates', 'Victim', 'judge', 'outcomes', 'wait_quiet', 'copy']
