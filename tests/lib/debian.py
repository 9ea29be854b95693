#!/usr/bin/python3
"""The Debian package of this tree, for the tests that install it.

    package()            builds it, or takes the one that was built of these sources; its path
    install(machine, …)  puts it into a container (container.py), as an administrator does

As a program, `debian.py FOLDER` builds it there, ahead of the tests.
"""
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OTHERS = ('tests', '.git', '.ci')        # no part of the package


def sources():
    """A hash of what the package is made of."""
    found = hashlib.sha256()
    for folder, below, files in os.walk(SOURCE):
        if folder == SOURCE:
            below[:] = [d for d in below if d not in OTHERS and not d.startswith(('build', 'rootfs'))]
        below[:] = sorted(d for d in below if d not in ('node_modules', '__pycache__'))
        for name in sorted(files):
            path = os.path.join(folder, name)
            with open(path, 'rb') as f:
                found.update(('%s %o\n' % (os.path.relpath(path, SOURCE), os.stat(path).st_mode)).encode() + f.read())
    return found.hexdigest()


def package(folder=None):
    """The path of nova-compute-native_*.deb in @folder (beside the build by default); built once however many ask."""
    folder = os.path.abspath(folder or os.environ['NOVA_BUILD'].rstrip('/') + '-deb')
    if not shutil.which('dpkg-buildpackage') or not shutil.which('dh'):
        raise unittest.SkipTest('dpkg-dev and debhelper are not installed')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark, wanted = os.path.join(folder, 'sources'), sources()
        if not os.path.exists(mark) or open(mark, encoding='ascii').read() != wanted:
            for old in glob.glob(os.path.join(folder, '*.deb')) + glob.glob(mark):
                os.unlink(old)
            subprocess.run([os.path.join(SOURCE, 'data', 'debian', 'build'), folder], check=True, stdout=subprocess.DEVNULL)
            with open(mark, 'w', encoding='ascii') as f:
                f.write(wanted)
        built, = glob.glob(os.path.join(folder, 'nova-compute-native_*.deb'))
        return built


def install(machine, deb):
    """`apt install ./nova-compute-native_*.deb` in the booted @machine; what apt said."""
    machine.put(deb, '/root/' + os.path.basename(deb))
    return machine.run('apt-get', 'install', '-y', '--no-install-recommends', '/root/' + os.path.basename(deb), timeout=180).stdout


if __name__ == '__main__':
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(package(sys.argv[1]))
