"""Runs novactl of the build as a user of the sandbox: on pipes, or on a terminal that can be typed on and looked at."""
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import fcntl

from novatest import BUILD, SLOW, eventually, sanitizer_environment

NOVACTL = os.path.join(BUILD, 'src', 'novactl', 'novactl')


def as_user(user):
    return ['setpriv', '--reuid', user, '--regid', user, '--init-groups'] if user else []


def environment(**more):
    env = dict(os.environ, LC_ALL='C.UTF-8', PATH=os.path.dirname(NOVACTL) + ':/usr/bin:/bin:/usr/sbin:/sbin', TZ='UTC')
    for name in ('NO_COLOR', 'PAGER', 'SYSTEMD_PAGER', 'COLUMNS', 'TERM', 'LESS'):
        env.pop(name, None)
    preload = sanitizer_environment(NOVACTL).get('LD_PRELOAD')
    env.pop('LD_PRELOAD', None)
    if preload:
        env['ASAN_OPTIONS'] = 'detect_leaks=1'
    env.update(more)
    return env


def run(*arguments, user='alice', stdin=subprocess.DEVNULL, text=True, timeout=60, env=None, **kwargs):
    """The finished process: stdout, stderr, returncode."""
    if isinstance(stdin, (str, bytes)):
        kwargs['input'], stdin = stdin, None
    else:
        kwargs['stdin'] = stdin
    return subprocess.run(as_user(user) + [NOVACTL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=text, check=False,
                          env=environment(**(env or {})), timeout=timeout * SLOW, **kwargs)


def json_of(*arguments, user='alice'):
    """The value that it prints with --json=short."""
    done = run('--json=short', *arguments, user=user)
    if done.returncode:
        raise AssertionError('novactl %s: %d\n%s' % (' '.join(arguments), done.returncode, done.stderr))
    return json.loads(done.stdout)


def takes_signal(pid, number):
    """Whether the process has come to where it takes that signal in its loop."""
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        return int(re.search(r'SigBlk:\t(\w+)', f.read()).group(1), 16) & 1 << (number - 1)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command, user='alice', columns=100, rows=40, env=None, stdout=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        os.fchmod(slave, 0o666)                 # another user's tty is opened by name, too
        self.output = ''

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(as_user(user) + list(command), stdin=slave, stdout=stdout or slave, stderr=slave, preexec_fn=own,
                                        env=environment(**{'TERM': 'xterm', **(env or {})}))
        os.close(slave)

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return
        try:
            self.output += os.read(self.master, 65536).decode('utf-8', 'replace')
        except OSError:                         # the other end is closed
            time.sleep(0.01)

    def expect(self, pattern, seconds=10, since=0):
        """Reads until the pattern is on it; the match."""
        end = time.monotonic() + seconds * SLOW
        while True:
            found = re.search(pattern, self.output[since:])
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError('%r did not come within %g s, but:\n%s' % (pattern, seconds * SLOW, self.output))
            self.read(0.05)

    def type(self, text):
        os.write(self.master, text.encode())

    def type_secret(self, text):
        """As a person does: when what is typed is shown no more. Before that some programs throw it away."""
        eventually(lambda: not termios.tcgetattr(self.master)[3] & termios.ECHO, what='a terminal that does not show what is typed')
        self.type(text)

    def end(self, seconds=20):
        """Its exit status, with all output read."""
        end = time.monotonic() + seconds * SLOW
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError('it did not end within %g s, but:\n%s' % (seconds * SLOW, self.output))
            self.read(0.05)
        while select.select([self.master], [], [], 0)[0]:
            before = len(self.output)
            self.read(0)
            if len(self.output) == before:
                break
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.master)


def on_terminal(*arguments, **kwargs):
    return Terminal(NOVACTL, *arguments, **kwargs)
