"""Guests that really run, of libvirt's: the boot sector that the tests have for a disk (tests/guest/boot.S), in a daemon's images, and
what takes guests away again."""
import json
import os
import shutil
import subprocess
import unittest

from novatest import BUILD

BOOT = os.path.join(BUILD, 'tests', 'guest', 'boot.bin')
IMAGE = '155d900f-4e14-4e4c-a73d-069cbf4541e6'


def needs():
    """Skips where there is no assembler for it."""
    if not os.path.exists(BOOT):
        raise unittest.SkipTest('this machine cannot assemble the guest')


def open_to_qemu(folder):
    """Who is another user, and must get there."""
    while folder != '/':
        os.chmod(folder, os.stat(folder).st_mode | 0o011)
        folder = os.path.dirname(folder)


def put(state, image, source=BOOT, size=4 << 20, name='boot'):
    """A raw disk of @size bytes that begins as @source, in the images of the daemon that keeps its state there."""
    folder = os.path.join(state, 'images')
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, image)
    shutil.copyfile(source, path)
    os.truncate(path, size)
    with open(path + '.json', 'w', encoding='utf-8') as f:
        json.dump({'name': name, 'disk_format': 'raw', 'container_format': 'bare'}, f)


def remove_all():
    """Those of this libvirt, whatever they do."""
    for name in subprocess.check_output(['virsh', 'list', '--all', '--name'], text=True).split():
        subprocess.call(['virsh', 'destroy', name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.call(['virsh', 'undefine', '--managed-save', name], stdout=subprocess.DEVNULL)
