#!/usr/bin/python3
"""Reads every #include "…" below src/ and fails on one that goes upwards, or sideways between the adapters."""
import os
import re
import sys

ROOMS = ('basic', 'config', 'objects', 'rpc', 'db', 'image', 'virt', 'network', 'volume', 'service', 'compute', 'bus')
ADAPTERS = {'rpc', 'db', 'image', 'virt', 'network', 'volume'}
USES = {('virt', 'image')}              # a driver fetches images itself
CLIENTS = {'novactl': {'novactl', 'basic'}}     # programs that know the daemon by D-Bus only


def allowed(room, other):
    if room in CLIENTS:
        return other in CLIENTS[room]
    if room == other or (room, other) in USES:
        return True
    if room in ADAPTERS and other in ADAPTERS:
        return False
    return ROOMS.index(other) < ROOMS.index(room)


def main(source):
    found, seen = [], 0
    for folder, _, files in os.walk(os.path.join(source, 'src')):
        for name in sorted(files):
            if not name.endswith(('.c', '.h')):
                continue
            path = os.path.join(folder, name)
            room = os.path.relpath(path, os.path.join(source, 'src')).split(os.sep)[0]
            with open(path, encoding='utf-8') as f:
                for number, line in enumerate(f, 1):
                    match = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
                    if not match:
                        continue
                    seen += 1
                    other = match.group(1)
                    if room in CLIENTS and not allowed(room, other) or room in ROOMS and (other not in ROOMS or not allowed(room, other)):
                        found.append('%s:%d: %s may not include %s' % (os.path.relpath(path, source), number, room, other))
    print('\n'.join(found) or '%d includes, none upwards' % seen)
    return 1 if found or not seen else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
