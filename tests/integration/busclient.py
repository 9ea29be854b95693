"""A D-Bus client for the tests that can be anybody and send anything: connections as a user of the sandbox, calls with the
flags and bytes one likes, signals as they come."""
import collections
import contextlib
import os
import pwd
import time

from jeepney import DBusAddress, MatchRule, MessageFlag, MessageType, message_bus, new_method_call
from jeepney.bus_messages import DBus
from jeepney.io.blocking import open_dbus_connection

NAME, PATH = 'org.nova.Compute1', '/org/nova/Compute1'
SERVICE, NODE, MANAGER = NAME + '.Service', NAME + '.Node', NAME + '.Manager'
INSTANCE, JOB = NAME + '.Instance', NAME + '.Job'
PROPERTIES = 'org.freedesktop.DBus.Properties'
POLKIT = 'org.freedesktop.PolicyKit1'
PATIENCE = 30 * float(os.environ.get('NOVA_TEST_SLOWNESS', '1'))        # seconds: nothing takes so long that is to be


class Error(Exception):
    """An error reply: name and text."""

    def __init__(self, name, text):
        super().__init__('%s: %s' % (name, text))
        self.name, self.text = name, text


@contextlib.contextmanager
def identity(user):
    """Who connects is who we are while connecting."""
    if user is None:
        yield
        return
    entry = pwd.getpwnam(user)
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Client:
    def __init__(self, user=None):
        with identity(user):
            self.connection = open_dbus_connection('SYSTEM')
        self.signals = collections.deque()

    def close(self):
        self.connection.close()

    # --- calls -------------------------------------------------------------------------------------------

    def message(self, interface, method, signature='', body=(), path=PATH, name=NAME, interactive=False):
        m = new_method_call(DBusAddress(path, bus_name=name, interface=interface), method, signature, tuple(body))
        if interactive:
            m.header.flags |= MessageFlag.allow_interactive_authorization
        return m

    def send(self, *args, **kwargs):
        """Sends without waiting; answer() takes the serial."""
        serial = next(self.connection.outgoing_serial)
        self.connection.send(self.message(*args, **kwargs), serial=serial)
        return serial

    def receive(self, timeout):
        m = self.connection.receive(timeout=timeout)
        if m.header.message_type == MessageType.signal:
            self.signals.append(m)
        return m

    def answer(self, serial, timeout=PATIENCE):
        """The body of the answer to @serial, or Error. TimeoutError at the deadline."""
        from jeepney import HeaderFields
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError('no answer within %g s' % timeout)
            m = self.receive(left)
            if m.header.fields.get(HeaderFields.reply_serial) != serial:
                continue
            if m.header.message_type == MessageType.error:
                raise Error(m.header.fields[HeaderFields.error_name], m.body[0] if m.body else '')
            return m.body

    def call(self, *args, timeout=PATIENCE, **kwargs):
        return self.answer(self.send(*args, **kwargs), timeout)

    def verb(self, method, *args, timeout=PATIENCE, **kwargs):
        """A verb of the service: texts, then no options."""
        return self.call(SERVICE, method, 's' * len(args) + 'a{sv}', args + ({},), timeout=timeout, **kwargs)

    def get(self, property_name, interface=SERVICE, path=PATH):
        return self.call(PROPERTIES, 'Get', 'ss', (interface, property_name), path=path)[0][1]

    def set(self, property_name, signature, value, interface=SERVICE, path=PATH):
        return self.call(PROPERTIES, 'Set', 'ssv', (interface, property_name, (signature, value)), path=path)

    def all(self, interface=SERVICE, path=PATH):
        return {k: v[1] for k, v in self.call(PROPERTIES, 'GetAll', 's', (interface,), path=path)[0].items()}

    # --- the bus itself, signals -------------------------------------------------------------------------

    def bus(self, method, signature='', body=()):
        return self.call(message_bus.interface, method, signature, body, path=message_bus.object_path, name=message_bus.bus_name)

    def owner(self, name=NAME):
        try:
            return self.bus('GetNameOwner', 's', (name,))[0]
        except Error:
            return None

    def watch(self):
        """From now on PropertiesChanged of the daemon are kept."""
        rule = MatchRule(type='signal', interface=PROPERTIES, member='PropertiesChanged', path=PATH)
        self.connection.send_and_get_reply(DBus().AddMatch(rule), timeout=PATIENCE)
        return self

    def changes(self, seconds):
        """What PropertiesChanged says within @seconds: a list of (interface, {name: value}, invalidated)."""
        from jeepney import HeaderFields
        end = time.monotonic() + seconds
        while True:
            try:
                self.receive(max(end - time.monotonic(), 0.001))
            except TimeoutError:
                break
        seen = []
        while self.signals:
            m = self.signals.popleft()
            if m.header.fields.get(HeaderFields.member) == 'PropertiesChanged':
                seen.append((m.body[0], {k: v[1] for k, v in m.body[1].items()}, m.body[2]))
        return seen

    def wait_change(self, name, value, seconds=PATIENCE):
        """Until a PropertiesChanged says that @name is @value; all that was said till then."""
        from jeepney import HeaderFields
        seen, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            while self.signals:
                m = self.signals.popleft()
                if m.header.fields.get(HeaderFields.member) != 'PropertiesChanged':
                    continue
                said = {k: v[1] for k, v in m.body[1].items()}
                seen.append((m.body[0], said, m.body[2]))
                if said.get(name) == value:
                    return seen
            try:
                self.receive(max(end - time.monotonic(), 0.001))
            except TimeoutError:
                break
        raise AssertionError('%s did not become %r within %g s; said was %r' % (name, value, seconds, seen))
