#!/usr/bin/python3
"""Debian's own systemd as PID 1 in a throw-away container, made of namespaces and an overlay; no image, no engine.

    rootfs(folder, packages)     a Debian 12 tree, made once by mmdebstrap and kept in the folder
    with_guests(case)            boots one that guests can run in, for the tests of a class
    Container(...)               boots one over a tree; what it writes is gone after stop()

As a program, `container.py trees FOLDER` makes those of the system tests in it, ahead of them: minutes of downloading.
"""
import fcntl
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = ['systemd', 'systemd-sysv', 'dbus', 'polkitd', 'libpam-systemd', 'iproute2', 'procps', 'util-linux', 'passwd', 'login', 'less']
# what the daemon runs on and with, and what asks it
HOST = ['rabbitmq-server', 'libvirt0', 'libvirt-daemon', 'libvirt-daemon-system', 'libvirt-daemon-driver-qemu', 'libvirt-clients',
        'qemu-system-x86', 'libjansson4', 'librabbitmq4', 'libsqlite3-0', 'libnl-3-200', 'libnl-route-3-200',
        'dnsmasq-base', 'python3-oslo.messaging', 'python3-oslo.metrics', 'sqlite3', 'qemu-utils', 'genisoimage',
        'cockpit-ws', 'cockpit-bridge', 'cockpit-system', 'sudo']
# what README's tutorial installs besides, what an operator has, and Debian's own service, whose place the package takes
GUESTS = HOST + ['python3-nova', 'qemu-utils', 'genisoimage', 'dosfstools', 'mtools', 'openssh-server', 'bash-completion', 'zsh', 'man-db',
                 'nova-compute', 'nova-compute-kvm']
PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


def rootfs(folder, packages=HOST):
    """A tree with systemd and @packages in @folder, made anew when the list differs, once however many ask. The .deb of those that the
    package takes the place of stay in its /var/cache/debs, for the way back."""
    folder = os.path.abspath(folder)
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + '.lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_rootfs(folder, packages)


def make_rootfs(folder, packages):
    wanted = ','.join(BASE + sorted(packages))
    replaced = ' '.join(p for p in packages if p.startswith('nova-compute'))
    mark = folder + '.packages'
    if os.path.isdir(folder) and os.path.exists(mark):
        with open(mark, encoding='ascii') as f:
            if f.read() == wanted:
                return folder
    if not shutil.which('mmdebstrap'):
        raise unittest.SkipTest('mmdebstrap is not installed')
    # aside: somebody's container may lie over the former one
    for old in glob.glob(folder + '.former.*'):
        shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(folder):
        os.rename(folder, '%s.former.%d' % (folder, os.getpid()))
    hold = 'printf "#!/bin/sh\\nexit 101\\n" >"$1/usr/sbin/policy-rc.d"; chmod +x "$1/usr/sbin/policy-rc.d"'
    # Sources as this machine has them where it says so, else mmdebstrap's own default. In namespaces: scripts of packages stop
    # what they see running (polkitd's by its path), and nothing mounted or running is left when this is broken off.
    done = subprocess.run(['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc',
                           'mmdebstrap', '--quiet', '--mode=root', '--variant=minbase', '--include=' + wanted,
                           '--setup-hook=mkdir -p "$1/usr/sbin"; ' + hold,
                           '--customize-hook=rm -f "$1/usr/sbin/policy-rc.d"; : >"$1/etc/machine-id"',
                           '--customize-hook=' + ('mkdir "$1/var/cache/debs" && chroot "$1" sh -c "cd /var/cache/debs && apt-get -qq download %s"'
                                                  % replaced if replaced else 'true'),
                           '--customize-hook=for u in alice:1500 bob:1501; do chroot "$1" useradd -m -u ${u#*:} -s /bin/bash ${u%:*}; done',
                           'bookworm', folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError('mmdebstrap failed: ' + done.stdout[-2000:])
    with open(mark, 'w', encoding='ascii') as f:
        f.write(wanted)
    return folder


class Container:
    def __init__(self, lower, name='host', trees=()):
        """@trees: folders whose content is laid over the rootfs (a DESTDIR of `meson install`)."""
        self.lower, self.name, self.trees = os.path.abspath(lower), name, trees
        self.folder = self.process = self.init = self.cgroup = None

    def start(self, seconds=60, states=('running', 'degraded')):
        """Boots it until systemd says that it is in one of @states."""
        if os.geteuid() != 0:
            raise unittest.SkipTest('a container needs root')
        self.folder = tempfile.mkdtemp(prefix='nova-container.')
        os.chmod(self.folder, 0o755)
        for d in ('upper', 'work', 'root'):
            os.mkdir(os.path.join(self.folder, d))
        os.chmod(os.path.join(self.folder, 'upper'), 0o755)
        for tree in self.trees:
            for top in os.listdir(tree):        # /lib is a link to /usr/lib in the rootfs: a folder here would hide it
                merged = os.path.join('usr', top) if top in ('bin', 'sbin', 'lib', 'lib64') else top
                target = os.path.join(self.folder, 'upper', merged)
                os.makedirs(target, exist_ok=True)
                subprocess.run(['cp', '-a', os.path.join(tree, top) + '/.', target], check=True)
        self.steady_polkit()
        v2 = next((line.split()[1] for line in open('/proc/mounts', encoding='utf-8') if line.split()[2] == 'cgroup2'), None)
        if not v2:
            raise unittest.SkipTest('no cgroup2 file system is mounted')
        self.cgroup = os.path.join(v2, os.path.basename(self.folder))
        os.mkdir(self.cgroup)
        return self.boot(seconds, states)

    def steady_polkit(self):
        """Has its polkitd not stand still for 15 s now and then (polkit-wake.c says why)."""
        files = {name: os.path.join(self.folder, 'upper', name) for name in ('usr/local/lib', 'etc/systemd/system/polkit.service.d')}
        for folder in files.values():
            os.makedirs(folder, exist_ok=True)
        library = os.path.join(files['usr/local/lib'], 'polkit-wake.so')
        subprocess.run(['cc', '-O1', '-shared', '-fPIC', '-o', library, os.path.join(HERE, 'polkit-wake.c')], check=True)
        with open(os.path.join(files['etc/systemd/system/polkit.service.d'], 'wake.conf'), 'w', encoding='ascii') as f:
            f.write('[Service]\nEnvironment=LD_PRELOAD=/usr/local/lib/polkit-wake.so\n')

    def boot_again(self, seconds=60, states=('running', 'degraded')):
        """Once it has gone down by itself, within @seconds: boots it anew. What it wrote to its disk is there."""
        self.wait_down(seconds)
        for d in ('work', 'root'):
            shutil.rmtree(os.path.join(self.folder, d))
            os.mkdir(os.path.join(self.folder, d))
        return self.boot(seconds, states)

    def wait_down(self, seconds=60):
        self.process.wait(seconds)
        self.init = None

    def boot(self, seconds, states):
        env = dict(os.environ, ROOTFS=self.lower, RUN=self.folder, NAME=self.name)
        with open(os.path.join(self.folder, 'console'), 'wb') as console:
            self.process = subprocess.Popen(
                ['sh', '-c', 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.cgroup, 'unshare', '--mount', '--propagation', 'private',
                 '--pid', '--fork', '--kill-child=SIGKILL', '--uts', '--ipc', '--cgroup', '--net', os.path.join(HERE, 'container-init')],
                env=env, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        end = time.monotonic() + seconds
        state = ''
        while time.monotonic() < end:
            if self.process.poll() is not None:
                with open(os.path.join(self.folder, 'console'), encoding='utf-8', errors='replace') as f:
                    raise RuntimeError('the container ended: ' + f.read()[-2000:])
            with open('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid), encoding='ascii') as f:
                found = f.read().split()
            if found and os.path.exists('/proc/%s/comm' % found[0]) and open('/proc/%s/comm' % found[0], encoding='ascii').read().strip() == 'systemd':
                self.init = int(found[0])
                state = self.run('systemctl', 'is-system-running', check=False).stdout.strip()
                if state in states:
                    return self
            time.sleep(0.1)
        raise RuntimeError('the container is %r after %d s' % (state, seconds))

    def inside(self, *command, user=None, env=('TERM=dumb', 'LANG=C.UTF-8', 'HOME=/root', 'SYSTEMD_PAGER=')):
        """The words that run a command inside, of outside."""
        if user:
            command = ('setpriv', '--reuid', user, '--regid', user, '--init-groups') + command
        return ['sh', '-c', 'mkdir -p "$0/test.slice" && echo $$ >"$0/test.slice/cgroup.procs" && exec "$@"', self.cgroup,
                'nsenter', '-t', str(self.init), '-a', 'env', '-i', *env, PATH, *command]

    def run(self, *command, user=None, check=True, timeout=60, stdin=None):
        """A command inside, as root or @user; text streams."""
        done = subprocess.run(self.inside(*command, user=user), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              timeout=timeout, input=stdin)
        if check and done.returncode:
            raise AssertionError('%s: exit status %d: %s%s' % (' '.join(command), done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
        return done

    def write(self, path, text, mode=0o644):
        """A file inside, written from outside."""
        self.run('sh', '-c', 'mkdir -p "$(dirname "$0")" && cat >"$0" && chmod %o "$0"' % mode, path, stdin=text)

    def put(self, source, path):
        """A file of outside, copied inside."""
        target = '/proc/%d/root%s' % (self.init, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)

    def until(self, *command, seconds=30, match=None):
        """Runs a command until it succeeds (and its output matches)."""
        end = time.monotonic() + seconds
        while True:
            done = self.run(*command, check=False)
            if done.returncode == 0 and (match is None or re.search(match, done.stdout)):
                return done.stdout
            if time.monotonic() > end:
                raise AssertionError('%s: not within %d s: %d %s%s' % (' '.join(command), seconds, done.returncode,
                                                                      done.stdout[-2000:], done.stderr[-2000:]))
            time.sleep(0.1)

    def stop(self):
        if self.init:
            try:
                os.kill(self.init, signal.SIGRTMIN + 4)         # poweroff.target
                self.process.wait(15)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        if self.process:
            self.process.kill()
            self.process.wait()
        for _ in range(50):
            subprocess.run(['find', self.cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], stderr=subprocess.DEVNULL, check=False)
            if not os.path.exists(self.cgroup):
                break
            time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)


def with_guests(case, debians=False):
    """A machine node1 for the tests of the class @case, which ends with them: over the tree that has qemu, OpenStack's client and Debian's
    own service; that one stays with @debians."""
    build = os.environ['NOVA_BUILD'].rstrip('/')
    machine = Container(rootfs(os.environ.get('NOVA_TEST_GUEST_ROOTFS', os.path.join(os.path.dirname(build), 'rootfs-guests')), GUESTS), 'node1')
    case.addClassCleanup(machine.stop)
    machine.start(states=('running', 'degraded', 'starting'))        # Debian's waits for a conductor, for ever
    if not debians:
        machine.run('apt-get', 'purge', '-y', 'nova-compute-kvm', 'nova-compute', timeout=120)
    return machine


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] != 'trees':
        raise SystemExit(__doc__)
    rootfs(os.path.join(sys.argv[2], 'rootfs'))
    rootfs(os.path.join(sys.argv[2], 'rootfs-guests'), GUESTS)
